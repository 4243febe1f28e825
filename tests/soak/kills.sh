# Kills at random moments, of random ranks, in runs and sweeps: what is resumed afterwards must be, in every record, what
# an undisturbed launch leaves, and nothing of the dead may stay.
#   kills.sh PROGRAM SOURCE KILLS [SEED]
. "$2/tests/cli/common.sh"
kills=$3 seed=${4:-$RANDOM}
RANDOM=$seed
echo "seed $seed"
cd "$scratch" || exit 1
mkdir shm one many
export DSTN_SHARED_MEMORY=$scratch/shm
toy="$root/jobs/toys/ridge.yaml"

# ---- kinds of launches: of each, ranks and command; a folder comes last ----
# alike: the number of ranks counts; elastic: any will do.
many_members=("$root/jobs/sweeps/ridge.yaml" --set 'axes={method: [stn, delta-stn], seed: {from: 0, count: 3}}'
  --set train.iterations=1000 --set record.every=100 --set checkpoint_steps=100)
one_run=("$toy" --set train.iterations=6000 --set record.every=200 --set checkpoint_steps=200)
elastic_run=("$toy" --set reproducible=true --set shards=5 --set train.iterations=1200 --set record.every=100
  --set checkpoint_steps=60)
kinds=(run elastic sweep pairs)
declare -A length # milliseconds
command_of() { # KIND: sets `words` and `ranks`, drawn where any number will do
  case $1 in
    run) ranks=2 words=(train "${one_run[@]}") ;;
    elastic) ranks=$((1 + RANDOM % 4)) words=(train "${elastic_run[@]}") ;;
    sweep) ranks=$((1 + RANDOM % 3)) words=(sweep "${many_members[@]}") ;;
    pairs) ranks=$((2 + 2 * (RANDOM % 2))) words=(sweep "${many_members[@]}" --ranks-per-member 2) ;;
  esac
}

start() { # FOLDER: a launch in the background, that goes on with what is there
  begin=${EPOCHREALTIME/./}
  "${setting[@]}" mpirun --oversubscribe -n "$ranks" "$dstn" "${words[@]}" --out "$1" --resume >>"$1.log" 2>&1 </dev/null &
  launcher=$!
}

# Open MPI 4.1 can miss the death of a rank that has not begun yet, and wait for ever.
wait_for_end() { # FOLDER: status [out]
  local tenths=0 alone=0
  while kill -0 "$launcher" 2>/dev/null; do
    sleep 0.1
    tenths=$((tenths + 1))
    [ $((tenths % 10)) -ne 0 ] || { [ -z "$(ranks_of "$1")" ] && alone=$((alone + 1)); }
    if [ $alone -ge 8 ] || [ $tenths -ge 600 ]; then
      echo "     (the launcher hangs, with ranks $(ranks_of "$1" | tr '\n' ' ')and is killed)"
      hangs=$((hangs + 1))
      echo hung >"$1.hung"
      kill -9 "$launcher" $(ranks_of "$1") 2>/dev/null
      break
    fi
  done
  status=0
  wait "$launcher" 2>/dev/null || status=$?
}

hang_check() { # FOLDER: ranks whose launch is over end by themselves
  local tenths=300
  while [ -n "$(ranks_of "$1")" ] && [ $tenths -gt 0 ]; do
    sleep 0.1
    tenths=$((tenths - 1))
  done
  [ $tenths -gt 0 ] || { fail "$1: ranks go on without their launch" && kill -9 $(ranks_of "$1"); }
}

# ---- one launch and its kill ----
# At a moment that is drawn up to the length of the shortest launch so far; or in a file's writing; before the first moment
# that a rank can be seen there is nothing to kill.
kill_from_outside() { # FOLDER MILLISECONDS
  local victims after=$(($2 * RANDOM / 32768))
  start "$1"
  until [ -n "$(ranks_of "$1")" ] || ! kill -0 "$launcher" 2>/dev/null; do sleep 0.01; done
  while kill -0 "$launcher" 2>/dev/null && [ $(((${EPOCHREALTIME/./} - begin) / 1000)) -lt $after ]; do sleep 0.01; done
  victims=($(ranks_of "$1"))
  what="a rank after $after ms"
  [ ${#victims[@]} -eq 0 ] || kill -9 "${victims[RANDOM % ${#victims[@]}]}" 2>/dev/null
}
kill_in_write() { # FOLDER
  local drill
  drill=$([ $((RANDOM % 2)) = 0 ] && echo checkpoint || echo record):$((1 + RANDOM % 8))
  what="the writer of $drill"
  DSTN_DRILL=$drill start "$1"
}

one_kill() { # KIND FOLDER
  command_of "$1"
  setting=(env)
  [ $((RANDOM % 4)) -gt 0 ] || setting=(env DSTN_SHARED_MEMORY=/none)
  if [ $((RANDOM % 3)) = 0 ]; then
    kill_in_write "$2"
  else
    kill_from_outside "$2" ${length[$1]}
  fi
  wait_for_end "$2"
  hang_check "$2"
  if [ $status -eq 0 ]; then
    echo "     $1: it had ended before the kill"
    length[$1]=$(((${EPOCHREALTIME/./} - begin) / 1000))
    return
  fi
  made=$((made + 1))
  echo "     $made: $1, $ranks ranks${setting[1]:+, no shared memory}: killed $what; exit code $status"
  [ $status -ge 128 ] || [ -s "$2.hung" ] || fail "$2: exit code $status" "$(tail -n 3 "$2.log")"
}

# ---- all of them ----
hangs=0 made=0
for ((round = 0; made < kills; round++)); do
  kind=${kinds[round % ${#kinds[@]}]}
  if [ ! -e "whole-$kind" ]; then
    command_of "$kind"
    ranks=2
    before=${EPOCHREALTIME/./}
    expect "$kind, undisturbed" 0 '' run_mpi $ranks "$dstn" "${words[@]}" --out "whole-$kind"
    length[$kind]=$(((${EPOCHREALTIME/./} - before) / 1000))
  fi
  folder=$kind-$round
  one_kill "$kind" "$scratch/$folder"
  # Now and then the next one comes before it is done.
  while [ $((RANDOM % 3)) = 0 ] && [ $made -lt "$kills" ]; do
    one_kill "$kind" "$scratch/$folder"
  done
  command_of "$kind"
  expect "$folder: resume on $ranks ranks" 0 '' run_mpi "$ranks" "$dstn" "${words[@]}" --out "$folder" --resume
  expect "$folder: nothing tells it from the undisturbed one" 0 '^(equal|6 members, 0 different)' \
    "$dstn" diff "whole-$kind" "$folder"
  case $kind in sweep | pairs) expect "$folder: its ledger" 0 'audit passed' "$dstn" audit "$folder" ;; esac
  [ -z "$(find "$folder" -name '*.tmp-*')" ] || fail "$folder: temporary files are left"
  # A launch of one rank shares no memory, and so looks for nothing.
  [ "$ranks" = 1 ] || [ -z "$(ls shm)" ] || fail "$folder: $(ls shm) is left of shared memory"
  rm -rf "$folder" "$folder".{log,hung}
done
echo "$made kills, seed $seed; $hangs launchers hung"
finish
