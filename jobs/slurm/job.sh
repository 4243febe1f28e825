# Sourced by the job scripts beside it: runs dstn in a Slurm job, and sends the job back into the queue as long as there
# is more to do. The script says how ranks are launched and which signal asks for a stop; job_run doesn't return.
#   job_launcher=(srun --mpi=pmix)
#   job_run COMMAND CONFIG [OPTION]...
#
# What comes of a launch:
#   stopped (75), by preemption, by USR1, by its own clock before the time limit     back into the queue
#   a rank or the launcher died, by kill -9, for want of memory, by a lost node      back into the queue, unless that
#     has happened DSTN_MOST_DEATHS times (3) one after the other without a new checkpoint or a member that has ended
#   TERM to this shell that is no preemption: scancel                                the end
#   done, or an error that dstn tells of itself (0 to 6)                             the end
# Slurm itself sends a job back whose node is down. Every launch resumes, so that nothing is done twice.

# Of an array, the number alone would mean all of it.
job_id=${SLURM_JOB_ID:?this is a script for sbatch}
[ -z "${SLURM_ARRAY_TASK_ID:-}" ] || job_id=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID

job_say() {
  echo "job $job_id: $*" >&2
}
job_fail() {
  job_say "$*"
  exit 2
}

# ---- what it runs ----------------------------------------------------------------------------------------------------

# dstn and its threads: sets dstn, and what srun (which doesn't take it over from the job by itself) and OpenMP look at.
job_prepare() {
  local here built
  here=$(dirname "${BASH_SOURCE[0]}")
  built=$here/../../build/release/dstn
  dstn=${DSTN:-$(command -v dstn || echo "$built")}
  command -v "$dstn" >/dev/null ||
    job_fail "dstn is not found (looked in the PATH, and for $built); name it: DSTN=/path/to/dstn sbatch …"
  export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}
  export OMP_NUM_THREADS=$SRUN_CPUS_PER_TASK OPENBLAS_NUM_THREADS=$SRUN_CPUS_PER_TASK
  # When this job ends: not all versions say it, and the shell that submitted it may have handed on that of its own job.
  SLURM_JOB_END_TIME=$(SLURM_TIME_FORMAT=%s squeue -h -j "$job_id" -o %e 2>/dev/null)
  export SLURM_JOB_END_TIME
}

# The folder that dstn will write to, by its arguments: sets job_out.
job_find_out() { # COMMAND CONFIG [OPTION]...
  local name words=("$@") i
  name=$(basename -- "$2")
  job_out=runs/${name%.*}
  for ((i = 2; i < ${#words[@]}; i++)); do
    case ${words[i]} in
      --out) job_out=${words[i + 1]:-} ;;
      --out=*) job_out=${words[i]#--out=} ;;
    esac
  done
}

# ---- what has become of the job --------------------------------------------------------------------------------------

job_field() { # NAME: of what Slurm says of the job, which it may be too busy to say at once
  local said try
  for try in 1 2 3 4 5; do
    said=$(scontrol show job -o "$job_id") && break
    sleep "$try"
  done
  tr ' ' '\n' <<<"$said" | sed -n "s/^$1=//p"
}

# Told so since it was started last.
job_is_preempted() {
  local told
  told=$(job_field PreemptTime)
  [[ $told == [0-9]* && ! $told < $(job_field StartTime) ]]
}

# A launch that has come further leaves another sum here: checkpoints bear the number of their step, and of members that
# have ended the ledger has a line. (A member that fails is tried again by every launch, so that it proves nothing.)
job_progress() {
  {
    find "$job_out" -name 'step-*.h5' -printf '%P\n' | sort
    cat "$job_out"/ledger/*.txt | grep -cE ' (done|diverged) '
  } 2>/dev/null | cksum | tr ' ' -
}

# How many launches have died one after the other without progress: sets deaths.
job_count_deaths() {
  local file=$job_out/deaths before='' progress
  deaths=0
  progress=$(job_progress)
  # Whoever submits it anew has mended something.
  [ "${SLURM_RESTART_COUNT:-0}" = 0 ] || [ ! -r "$file" ] || read -r deaths before <"$file"
  [ "$before" = "$progress" ] || deaths=0
  deaths=$((deaths + 1))
  mkdir -p "$job_out" && echo "$deaths $progress" >"$file" || job_fail "$file can't be written"
}

job_back_into_the_queue() { # WHY
  job_say "$1: back into the queue (restart ${SLURM_RESTART_COUNT:-0})"
  scontrol requeue "$job_id"
}

# The end of this script, with the launch's own status.
job_end() { # STATUS
  local status=$1 state most=${DSTN_MOST_DEATHS:-3}
  ((status > 6)) || exit "$status"
  sleep 1 # the ranks may have had TERM before this shell
  state=$(job_field JobState)
  if [ "$state" != RUNNING ] && [ "$(job_field Reason)" = TimeLimit ]; then
    job_back_into_the_queue "stopped by its time limit (exit code $status)"
  elif [ "$state" != RUNNING ]; then
    job_say "ended by Slurm, which starts it again if it has lost a node; otherwise the same command goes on"
  elif job_is_preempted; then
    job_back_into_the_queue "preempted (exit code $status)"
  elif [ -n "$job_cancelled" ]; then
    job_say "cancelled; the same command goes on"
  elif [ "$status" -eq 75 ]; then
    job_back_into_the_queue "stopped with checkpoints written"
  else
    job_count_deaths
    if ((deaths < most)); then
      job_back_into_the_queue "the launch has died (exit code $status), $deaths of $most times without progress"
    else
      job_say "the launch has died (exit code $status) $deaths times without progress: not started again"
    fi
  fi
  exit "$status"
}

# ---- the launch ------------------------------------------------------------------------------------------------------

# Set before the launcher starts, so that no signal ends this shell and leaves the launcher behind.
job_step='' job_asked='' job_cancelled=''
job_pass_on() { # SIGNAL
  job_asked=$1
  [ -z "$job_step" ] || kill -"$1" "$job_step" 2>/dev/null
}
trap 'job_pass_on USR1' USR1 USR2
trap 'job_cancelled=yes; job_pass_on "${job_term:-TERM}"' TERM

job_run() {
  local status
  job_prepare
  job_find_out "$@"
  [ -z "$job_asked" ] || job_end 75
  "${job_launcher[@]}" "$dstn" "$@" --resume &
  job_step=$!
  [ -z "$job_asked" ] || job_pass_on "$job_asked" # in the moment before there was anything to pass it on to
  # `wait` returns early at every trapped signal: wait until the launcher itself has ended. If it ended just then, that
  # wait gave the signal's status (above 128); bash remembers the launcher's own, and one more wait returns it.
  while :; do
    wait "$job_step"
    kill -0 "$job_step" 2>/dev/null || break
  done
  wait "$job_step"
  status=$?
  job_end "$status"
}
