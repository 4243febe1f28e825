/* ranks, private: what MPI is told before it starts. */
#ifndef RANKS_ENVIRONMENT_H
#define RANKS_ENVIRONMENT_H

/* Lets Debian's Open MPI make windows between hosts where its packager has excluded what makes them, and find its way
 * between hosts that have addresses of both families; each where neither the environment nor a file of the user's says
 * anything about it. version: the whole of MPI_Get_library_version. */
void ranks_prepare_environment(const char *version);

#endif
