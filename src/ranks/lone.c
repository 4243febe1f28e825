/* ranks: a rank that is alone though Slurm has started, or been asked for, more. Each task of an srun that MPI doesn't
 * understand is the only rank of a launch of its own, and all would write to one folder. */
#include "lone.h"
#include "dstn/ranks.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long number_of(const char *variable) {
    const char *text = getenv(variable);
    return text ? strtol(text, NULL, 10) : 0;
}

/* Tasks of the step that this process is one of; 0: srun hasn't started it. What a shell in a step starts has the
 * step's variables and isn't one of its tasks. */
static long tasks_of_step(void) {
    return number_of("SLURM_TASK_PID") == (long)getpid() ? number_of("SLURM_STEP_NUM_TASKS") : 0;
}

static dstn_status refuse(long tasks, dstn_error *err) {
    dstn_fail(err, DSTN_ERROR_USAGE,
              "srun started %ld tasks, and each of them is a launch of its own with one rank, since %s doesn't "
              "understand this srun; accepted: \"srun --mpi=pmix\" (\"srun --mpi=list\" says whether it has it), or "
              "mpirun; for a launch of one rank \"srun --ntasks=1\"",
              tasks, dstn_ranks_version());
    if (number_of("SLURM_PROCID") > 0) {
        err->message[0] = '\0';
    }
    return DSTN_ERROR_USAGE;
}

/* Some MPIs end the program with advice of their own when they find no launcher in a step: what no launcher has spoken
 * to in a language of this MPI is refused before. Debian's Open MPI has PMIx alone. */
dstn_status ranks_check_tasks(const char *version, dstn_error *err) {
    static const char *const spoken[] = {"PMIX_NAMESPACE", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMI_FD"};
    size_t languages = strstr(version, "Open MPI") && strstr(version, "Debian") ? 3 : sizeof spoken / sizeof spoken[0];
    for (size_t i = 0; i < languages; i++) {
        if (getenv(spoken[i])) {
            return DSTN_OK;
        }
    }
    long tasks = tasks_of_step();
    return tasks > 1 ? refuse(tasks, err) : DSTN_OK;
}

dstn_status dstn_ranks_check_lone(const dstn_group *world, const dstn_log *log, dstn_error *err) {
    if (dstn_group_size(world) > 1) {
        return DSTN_OK;
    }
    long tasks = tasks_of_step();
    if (tasks > 1) {
        return refuse(tasks, err);
    }
    long asked = tasks == 1 ? 1 : number_of("SLURM_NTASKS");
    if (asked > 1) {
        const char *job = getenv("SLURM_JOB_ID");
        dstn_log_warn(log,
                      "Slurm job %s has %ld tasks, and this launch is one rank: the others are idle; start it with "
                      "\"srun --mpi=pmix\" or mpirun (if that job is over: \"unset SLURM_NTASKS\")",
                      job ? job : "?", asked);
    }
    return DSTN_OK;
}
