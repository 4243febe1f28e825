# Sourced by the command-line tests: $1 the program, $2 the repository.
set -u
dstn=$1
root=$2
. "$root/jobs/environment.sh"
unset "${!SLURM_@}" # of a job in which the tests may run
export OMPI_MCA_ess_singleton_isolated=1 # a launch without mpirun needs no daemon: half a second less each
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export OMPI_MCA_orte_tmpdir_base=$scratch # such launches all take the same name: two at once need two places
failures=0

# expect NAME CODE PATTERN COMMAND...: the command must end with CODE and print a line matching PATTERN (a grep -E
# pattern; empty: anything) on stdout or stderr. On an error exactly one line may speak of it.
expect() {
  local name=$1 code=$2 pattern=$3
  shift 3
  local status=0
  "$@" >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
  cat "$scratch/out" "$scratch/err" >"$scratch/both"
  if [ "$status" -ne "$code" ]; then
    echo "FAIL $name: exit code $status, expected $code" && sed 's/^/    /' "$scratch/both" && failures=$((failures + 1))
  elif [ -n "$pattern" ] && ! grep -Eq -- "$pattern" "$scratch/both"; then
    echo "FAIL $name: nothing matches \"$pattern\"" && sed 's/^/    /' "$scratch/both" && failures=$((failures + 1))
  elif grep -Eq 'MPI_ABORT|Sanitizer|runtime error|Segmentation|Assertion' "$scratch/both"; then
    echo "FAIL $name: it did not leave cleanly" && sed 's/^/    /' "$scratch/both" && failures=$((failures + 1))
  elif [ "$code" -ne 0 ] && [ "$(grep -c '^dstn: ' "$scratch/err")" -gt 1 ]; then
    echo "FAIL $name: more than one line of error" && sed 's/^/    /' "$scratch/both" && failures=$((failures + 1))
  else
    echo "ok   $name"
  fi
}

# value NAME: the number that the last command printed on the line "NAME number".
value() {
  awk -v name="$1" '$1 == name { print $2 }' "$scratch/out"
}

# within NAME GOT LOW HIGH
within() {
  if awk -v x="$2" -v low="$3" -v high="$4" 'BEGIN { exit !(x != "" && x + 0 >= low && x + 0 <= high) }'; then
    echo "ok   $1"
  else
    echo "FAIL $1: $2 is not in [$3, $4]"
    failures=$((failures + 1))
  fi
}

# fail WHAT...: counts it, and shows what the last command of `expect` wrote on stderr.
fail() {
  echo "FAIL $*" && failures=$((failures + 1))
  [ ! -e "$scratch/err" ] || sed 's/^/    /' "$scratch/err"
}

# until_true SECONDS COMMAND...: waits for it.
until_true() {
  local tenths=$((10 * $1))
  shift
  while ! "$@"; do
    tenths=$((tenths - 1))
    [ $tenths -gt 0 ] || return 1
    sleep 0.1
  done
}

# ranks_of FOLDER: processes of the program that write to it, by their command line.
ranks_of() {
  local process
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/exe")" = "$(readlink -f "$dstn")" ] && tr '\0' ' ' <"$process/cmdline" 2>/dev/null |
      grep -Fq -- "--out $1 " && echo "${process#/proc/}"
  done
}

finish() {
  [ "$failures" -eq 0 ] || { echo "$failures failed" && exit 1; }
}

run_mpi() {
  local ranks=$1
  shift
  mpirun --oversubscribe -n "$ranks" "$@"
}

# small_table: a table of 40 rows, the same each time.
small_table() {
  /usr/bin/python3 - <<'P'
import random
draw = random.Random(1)
print("a,b,yield", *(",".join(f"{draw.gauss(0, 1):.4f}" for _ in range(3)) for _ in range(40)), sep="\n")
P
}
