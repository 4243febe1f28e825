# Two hosts, as Debian installs Open MPI: nobody gives it a parameter. The hosts are host names on this machine, which to
# Open MPI share nothing: no memory, and other components for windows.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1
unshare --uts true 2>/dev/null || { echo "skipped: unshare --uts is not permitted (it takes root)" && exit 77; }
unset "${!OMPI_MCA_@}"
export HOME=$scratch

cat >other-host <<'S'
#!/bin/sh
name=$1
shift
exec unshare --uts sh -c 'hostname "$0" && exec sh -c "$1"' "$name" "$*"
S
chmod +x other-host
case $(mpirun --version) in
  *"(Open MPI) 4."*) agent=(--mca plm rsh --mca plm_rsh_agent "$scratch/other-host") ;;
  *) echo "skipped: Open MPI 5 finds no way between host names of one machine (MPI_Comm_dup fails)" && exit 77 ;;
esac
on_hosts() { # RANKS COMMAND...
  local ranks=$1
  shift
  mpirun "${agent[@]}" --host "a:$((ranks / 2)),b:$((ranks / 2))" --map-by node --bind-to none -n "$ranks" "$@"
}

/usr/bin/python3 - >table.csv <<'P'
import random
draw = random.Random(1)
print("a,b,yield", *(",".join(f"{draw.gauss(0, 1):.4f}" for _ in range(3)) for _ in range(40)), sep="\n")
P
cat >run.yaml <<'Y'
data: {path: table.csv, target: yield}
model: {layers: [dropout: {rate: p}, linear: {out: 1}]}
hyperparameters: {p: {range: [0, 0.9], start: 0.1}}
train: {epochs: 30, batch: 8}
optimizer: {rate: 0.01}
hyper_optimizer: {rate: 0.01}
Y
cat >sweep.yaml <<'Y'
base: run.yaml
axes: {seed: {from: 0, count: 7}}
Y

expect "train" 0 '^2 ranks on 2 hosts \(a,' on_hosts 2 "$dstn" train run.yaml --out run
expect "resume" 0 'resumed at step 120' on_hosts 2 "$dstn" train run.yaml --out run --resume --set train.epochs=40
longer=(--set train.epochs=100000000 --time-limit 1)
expect "the time limit stops all hosts" 75 'stopped by ' on_hosts 2 "$dstn" train run.yaml --out run --resume "${longer[@]}"
expect "four ranks" 0 '^valid_loss' on_hosts 4 "$dstn" train run.yaml --out four

expect "sweep" 0 '^done 7' on_hosts 4 "$dstn" sweep sweep.yaml --out sweep
expect "sweep, resumed with more members" 0 '^done 9' \
  on_hosts 4 "$dstn" sweep sweep.yaml --out sweep --resume --set axes.seed.count=9
expect "sweep, none lost or run twice" 0 '' "$dstn" audit sweep
expect "sweep of members on both hosts" 0 '^done 7' \
  on_hosts 4 "$dstn" sweep sweep.yaml --out pairs --ranks-per-member 2

# Progress of windows over TCP, where the keeper does nothing but compute and poll.
tests=$(dirname "$dstn")/tests
for program in "$tests"/mpi_test_ranks_{work,board}; do
  expect "$(basename "$program")" 0 'PASSED' on_hosts 4 "$program"
done

# Whoever wants no windows gets none, and it runs all the same.
mkdir .openmpi && echo 'osc = ^ucx,pt2pt' >.openmpi/mca-params.conf
expect "sweep without windows" 0 '^done 7' \
  on_hosts 4 "$dstn" sweep sweep.yaml --out plain --ranks-per-member 2
expect "sweep without windows, none lost or run twice" 0 '' "$dstn" audit plain
finish
