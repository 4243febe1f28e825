# Two hosts, as Debian installs Open MPI: nobody gives it a parameter.
. "$(dirname "$0")/common.sh"
. "$root/tests/two_hosts.sh"

small_table >table.csv
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
expect "four ranks" 0 '^valid_loss' on_hosts 4 "$dstn" train run.yaml --out four --set train.epochs=5
expect "the exact answer" 0 '^lambda_star' on_hosts 2 "$dstn" oracle "$root/jobs/toys/ridge.yaml" --out oracle
expect "a rank on the other host is killed" 0 '^drill passed' "$dstn" drill run.yaml --out drill --kill-rank 1 \
  --launch 'mpirun -x DSTN_DRILL --host a:1,b:1 --map-by node --bind-to none -n 2'

# Ranks are mapped in turn to the hosts, so that neither has neighbouring shards.
expect "reproducible on one rank" 0 '' "$dstn" train run.yaml --out same-1 --set reproducible=true
expect "and on four, on two hosts" 0 '' on_hosts 4 "$dstn" train run.yaml --out same-4 --set reproducible=true
expect "to the last bit" 0 equal "$dstn" diff same-1 same-4

# Every rank owns slices of several buckets there, and their moments, which the others get.
sed 's/linear: {out: 1}/linear: {out: 600}, relu, linear: {out: 600}, relu, linear: {out: 1}/; s/epochs: 30/iterations: 4/
  s/^optimizer: .*/optimizer: {name: sgd, rate: 0.01, momentum: 0.9, clip: 0.1}/' run.yaml >wide.yaml
wide=(wide.yaml --set reproducible=true --set digest_every=1)
expect "many owners: one rank" 0 '' "$dstn" train "${wide[@]}" --out wide-1
expect "and four, on two hosts" 0 '' on_hosts 4 "$dstn" train "${wide[@]}" --out wide-4
expect "to the last bit, too" 0 equal "$dstn" diff wide-1 wide-4

expect "sweep" 0 '^done 7' on_hosts 4 "$dstn" sweep sweep.yaml --out sweep
expect "sweep, resumed with more members" 0 '^done 9' \
  on_hosts 4 "$dstn" sweep sweep.yaml --out sweep --resume --set axes.seed.count=9
expect "sweep, none lost or run twice" 0 '' "$dstn" audit sweep
expect "sweep of members on both hosts" 0 '^done 7' \
  on_hosts 4 "$dstn" sweep sweep.yaml --out pairs --ranks-per-member 2 --set train.epochs=10

# Progress of windows over TCP, where the keeper does nothing but compute and poll.
tests=$(dirname "$dstn")/tests
for program in "$tests"/mpi_test_ranks_{work,board}; do
  expect "$(basename "$program")" 0 'PASSED' on_hosts 4 "$program"
done

# Whoever wants no windows gets none, and it runs all the same.
mkdir .openmpi && echo 'osc = ^ucx,pt2pt,rdma,sm' >.openmpi/mca-params.conf
expect "sweep without windows" 0 '^done 7' \
  on_hosts 4 "$dstn" sweep sweep.yaml --out plain --ranks-per-member 2 --set train.epochs=10
expect "sweep without windows, none lost or run twice" 0 '' "$dstn" audit plain
finish
