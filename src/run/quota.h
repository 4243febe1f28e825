/* The share of a host's processors that a control group leaves to this process. */
#ifndef RUN_QUOTA_H
#define RUN_QUOTA_H

/* Cores, perhaps a part of one; INFINITY: as many as there are, or not known. */
double run_cpu_quota(void);

#endif
