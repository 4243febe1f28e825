#!/usr/bin/env bash
# The house as DESIGN and README tell it: rooms see only what they are built on, libraries are named where they belong,
# names bear their room, and nothing grows too large. Goes by what CMake has built: BUILD/rooms/rooms.txt has a line
# `room library rooms that it uses`, room_flags.txt `room -Ifolder…`.
#   house.sh BUILD SOURCE COMPILER
set -uo pipefail
build=$1 source=$2 compiler=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
findings=0

find_fault() {
    printf 'house: %s\n' "$*"
    findings=$((findings + 1))
}

# ---- the table ----

declare -A library uses sees flags
rooms=()
while read -r room file used; do
    rooms+=("$room") library[$room]=$file uses[$room]=$used
    sees[$room]=" $room "
    for below in $used; do
        [[ ${sees[$below]:-} ]] || find_fault "$room is built on $below, which comes after it"
        sees[$room]+="${sees[$below]:- } "
    done
done <"$build/rooms/rooms.txt"
while read -r room folders; do
    flags[$room]=$folders
done <"$build/rooms/room_flags.txt"
[[ ${#rooms[@]} -ge 15 ]] || find_fault "${#rooms[@]} rooms in $build/rooms/rooms.txt"

for folder in "$source"/src/*/; do
    room=$(basename "$folder")
    [[ ${library[$room]:-} ]] || find_fault "src/$room is no room of the table"
done

# ---- public headers ----

# Whether a header can be included by files of a room.
compiles() { # ROOM HEADER
    printf '#include "%s"\n' "$2" >"$scratch/probe.c"
    # shellcheck disable=SC2086 # flags are words
    "$compiler" -std=c11 -fsyntax-only ${flags[$1]} "$scratch/probe.c" >"$scratch/messages" 2>&1
}

for room in "${rooms[@]}"; do
    for other in "${rooms[@]}"; do
        header=dstn/$other.h
        [[ -e $source/include/$header ]] || continue
        if [[ ${sees[$room]} == *" $other "* ]]; then
            compiles "$room" "$header" || find_fault "$room is built on $other, and $header doesn't compile in it: " \
                "$(grep -m1 error "$scratch/messages")"
        else
            ! compiles "$room" "$header" || find_fault "$room may not see $header, and it compiles"
        fi
    done
done
for header in "$source"/include/dstn/*.h; do
    room=$(basename "$header" .h)
    [[ ${library[$room]:-} ]] || find_fault "$header is the header of no room"
done

# ---- private headers ----

(cd "$source/src" && find . -name '*.h' | cut -c3- | sort) >"$scratch/private"
for room in "${rooms[@]}"; do
    while IFS=/ read -r owner header; do
        if [[ $owner != "$room" && ! -e $source/src/$room/$header ]]; then
            printf '#if __has_include("%s")\nvisible %s/%s\n#endif\n' "$header" "$owner" "$header"
        fi
    done <"$scratch/private" >"$scratch/probe.c"
    # shellcheck disable=SC2086
    "$compiler" -std=c11 -E -P ${flags[$room]} "$scratch/probe.c" >"$scratch/seen" || find_fault "$compiler -E fails"
    while read -r _ header; do
        find_fault "$room sees src/$header"
    done < <(grep '^visible' "$scratch/seen")
done

# A path could lead out of the room's folders.
while IFS=: read -r file line text; do
    target=$(dirname "$file")/$(cut -d'"' -f2 <<<"$text")
    room=$(cut -d/ -f1 <<<"${file#"$source"/src/}")
    [[ $(realpath -m "$target") == "$(realpath "$source")/src/$room/"* ]] ||
        find_fault "an include leaves its room: ${file#"$source"/}:$line:$text"
done < <(grep -rnE '#include "([^"]*/)?\.\.' "$source/src" "$source/include")

# ---- libraries ----

# Only files whose paths begin with one of the places may name a library.
named_only_in() { # LIBRARY PATTERN PLACE...
    local name=$1 pattern=$2 file line text place allowed
    shift 2
    while IFS=: read -r file line text; do
        allowed=no
        for place in "$@"; do
            [[ ${file#"$source"/} == "$place"* ]] && allowed=yes
        done
        [[ $allowed == yes ]] || find_fault "${file#"$source"/}:$line names $name: $text"
    done < <(grep -rnE "$pattern" "$source/src" "$source/include" --include='*.[ch]' | grep -vE '^[^:]*:[0-9]+: *(/\*|\* )')
}

named_only_in MPI '<mpi\.h>|\bMPI_[A-Z]' src/ranks/ src/oracle/
named_only_in HDF5 '<hdf5|\bH5[A-Z]{1,2}[a-z_]+ ?\(|\bhid_t\b' src/store/
named_only_in oneDNN '<(dnnl|oneapi)|\bdnnl_[a-z]' src/kernel/
named_only_in CBLAS '<cblas|\bcblas_|\bopenblas_[a-z]' src/kernel/
named_only_in LAPACK '<lapack|\bLAPACKE_|\b[sd](sy|ge|st|po|or|tr)[a-z]{2,5}_ ?\(' src/oracle/ src/search/
named_only_in NLopt '<nlopt|\bnlopt_[a-z]' src/search/
named_only_in ScaLAPACK '\bp[sd][a-z]{4,6}_ ?\(|\bblacs_|\bdescinit_|\bnumroc_' src/oracle/
named_only_in libfyaml '<libfyaml|\bfy_[a-z]+_' src/config/
named_only_in Random123 '<Random123|\bphilox4x' src/core/
named_only_in xxHash '<xxhash|\bXXH[0-9]*_' src/core/ src/store/
named_only_in OpenSSL '<openssl/|\b(EVP_|OpenSSL_|OPENSSL_)' src/data/
named_only_in zlib '<zlib|\bgz(open|read|close) ?\(|\bcrc32 ?\(' src/store/ src/data/
named_only_in OpenMP '<omp\.h>|\bomp_[a-z]+ ?\(|pragma omp' src/kernel/

# ---- names ----

# What a room's library offers the linker: public functions, which its header declares, and private ones, which bear its
# name.
for room in "${rooms[@]}"; do
    header=$source/include/dstn/$room.h
    [[ -e $header ]] || continue
    grep -ohE '\bdstn_[a-z0-9_]+' "$header" | sort -u >"$scratch/declared"
    while read -r symbol; do
        case $symbol in
        "${room}"_*) ;;
        MPI_*) [[ $room == ranks ]] || find_fault "$room defines $symbol, which ranks alone may count" ;;
        dstn_*)
            grep -qxF "$symbol" "$scratch/declared" ||
                find_fault "$room: $symbol is in no public header; accepted: ${room}_..."
            ;;
        *) find_fault "$room: the private function $symbol doesn't bear its room's name; accepted: ${room}_..." ;;
        esac
    done < <(nm -g --defined-only "${library[$room]}" 2>/dev/null | awk 'NF == 3 && $3 !~ /^__/ { print $3 }' | sort -u)
done

# ---- sizes ----

total=0
declare -A lines
for room in "${rooms[@]}"; do
    lines[$room]=$(find "$source/src/$room" "$source/include/dstn/$room.h" -name '*.[ch]' -exec cat {} + 2>/dev/null | wc -l)
    total=$((total + lines[$room]))
done
for room in "${rooms[@]}"; do
    ((5 * lines[$room] <= total)) || find_fault "$room has ${lines[$room]} of $total lines, more than a fifth"
done
while read -r count file; do
    [[ $file == total ]] || ((count <= 500)) || find_fault "${file#"$source"/} has $count lines, more than 500"
done < <(find "$source/src" "$source/include" "$source/tests" -name '*.[ch]' -exec wc -l {} +)

if ((findings)); then
    echo "house: $findings findings"
    exit 1
fi
echo "house: ${#rooms[@]} rooms, $total lines"
