# The README's section on one's own network and data works as written: its blocks are taken out of the page and run.
. "$(dirname "$0")/common.sh"
python=$(dstn_python) || exit 1
mkdir "$scratch/user" && cd "$scratch/user" || exit 1
mkdir jobs && ln -s "$root/jobs/data" jobs/data # what a clone has beside the configs

# Every block goes into a file: YAML into the one that its first line names, the others into block.LANGUAGE.
awk '/^## / { inside = $0 == "## Your own network and data" }
     !inside { next }
     /^```./ { language = substr($0, 4); file = language == "yaml" ? "" : "block." language; next }
     /^```$/ { language = ""; next }
     language == "" { next }
     file == "" { file = $2 }
     { print > file }' "$root/README.md"
for file in block.python block.sh images.yaml table.yaml; do
  [ -s "$file" ] || { echo "FAIL the README has no block for $file" && failures=$((failures + 1)); }
done

expect "the lines of h5py" 0 '' "$python" block.python
while read -r command; do
  [ -n "$command" ] || continue
  expect "$command" 0 '^valid|^[0-9]+ passed, 0 failed$' bash -c 'dstn=$1; dstn() { "$dstn" "$@"; }; eval "$2"' - "$dstn" "$command"
done < <(sed 's/ *#.*//' block.sh)

ran=$(grep -c '^dstn ' block.sh)
[ "$ran" -ge 4 ] || { echo "FAIL only $ran commands of the README were run" && failures=$((failures + 1)); }
expect "the images are what the page says" 0 '^shape +3 x 16 x 16' "$dstn" data check images.yaml
expect "networks are recorded by epochs" 0 '^10 True$' "$python" -c "
import sys; sys.path.append('$root/analysis'); import dstn_record
epochs = dstn_record.load('runs/images/run.h5').epochs
print(len(epochs), bool((epochs['value.hole'] >= 0).all()))"
expect "tables and figures of networks" 0 'validation loss, best epoch \| [0-9.]+ \|' \
  "$python" "$root/analysis/networks.py" runs/images/run.h5 --out figures
[ -s figures/networks-schedules.png ] && [ -s figures/networks-evaluations.png ] ||
  { echo "FAIL networks.py drew no figures" && failures=$((failures + 1)); }
finish
