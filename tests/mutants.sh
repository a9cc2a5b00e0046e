#!/usr/bin/env bash
# Runs 40 mutants of stream, decode and schedule against the unit tests of their crates.
#
#   tests/mutants.sh choose            writes tests/mutants.txt once, to compare two revisions
#   tests/mutants.sh run [REVISION]    runs them on HEAD or REVISION; continues an interrupted run
#   tests/mutants.sh show [REVISION]   prints the results so far
#
# A mutant is identified by its function and its change, not by its position, so that the list stays
# valid when files move. `MUTANTS_DIR` is the folder of the copies, their builds and the results
# (`target/mutants`). `MUTANTS_TIMEOUT` is the time limit of the tests in seconds (600), which must
# suffice on a busy machine: a timeout counts as noticed. Needs `cargo install cargo-mutants`.
set -euo pipefail
cd "$(dirname "$0")/.."
list=$PWD/tests/mutants.txt
folder=${MUTANTS_DIR:-$PWD/target/mutants}
crates=(profiler-core profiler-trace profiler-runtime)
export CARGO_TERM_COLOR=never
# A mutant can allocate without limit.
ulimit -v 16000000

# packages FOLDER: prints the crates in the folder, as arguments of cargo.
packages() {
  for crate in "${crates[@]}"; do
    [[ ! -d $1/$crate ]] || echo "--package $crate"
  done
}

# mutants FOLDER: prints `file|mutation` of each mutant of the product in the folder.
mutants() {
  # shellcheck disable=SC2046 # words
  (cd "$1" && cargo mutants --no-config --list $(packages .)) | sed -E 's/^([^:]+):[0-9]+:[0-9]+: /\1|/'
}

# chosen COUNT FILES: selects COUNT unique mutants in files that match, at most one per function,
# ordered by their checksums.
chosen() {
  grep -E "^[^|]*($2)\|" | cut -d'|' -f2- |
    grep -Ev 'with .*(Default::default|Arc::new|vec!|from_iter|once\(|leak|MutexGuard|&mut)|<impl (Debug|Display)' |
    while IFS= read -r text; do printf '%s %s\n' "$(printf %s "$text" | md5sum | cut -c1-8)" "$text"; done | sort |
    cut -d' ' -f2- | awk '{
      name = $0
      if (!sub(/^.* in /, "", name)) { sub(/^replace /, "", name); sub(/ (->|with) .*/, "", name) }
      if (!seen[name]++) print
    }' | head -n "$1"
}

choose() {
  [[ ! -e $list ]] || { echo "$list is there: what is compared with has been chosen" && exit 2; }
  mutants . >"$folder/all"
  # A mutant with an ambiguous name cannot be found again.
  cut -d'|' -f2- "$folder/all" | sort | uniq -d >"$folder/twice"
  awk 'NR == FNR { twice[$0]; next } { text = $0; sub(/^[^|]*\|/, "", text) } !(text in twice)' \
    "$folder/twice" "$folder/all" >"$folder/unique"
  {
    chosen 16 '/stream/(buffer|chunk|cursor|registry|ring|segment|thread_stream)\.rs' <"$folder/unique"
    chosen 16 '/model/decode/[a-z]+\.rs' <"$folder/unique"
    chosen 8 '/session/schedule/[a-z]+\.rs' <"$folder/unique"
  } >"$list"
  wc -l "$list"
}

# one MUTATION: prints the result of the mutant. A mutant that does not build is not noticed by any
# test.
one() {
  local found file place asked
  found=$(awk -v text="$1" '{ name = $0; sub(/^[^|]*\|/, "", name) } name == text' "$here/all")
  [[ $found ]] || { echo gone && return; }
  [[ $(wc -l <<<"$found") == 1 ]] || { echo ambiguous && return; }
  file=${found%%|*}
  # One of the file's shards, of which there are as many as mutants, because `--re` does not select
  # deleted fields.
  asked=(--no-config --package "${file%%/*}" --file "$file")
  # Without `enable` the recorder has no tests.
  [[ $file != profiler-core/* ]] || asked+=(--features enable)
  (cd "$here/tree" && cargo mutants --list "${asked[@]}") >"$here/listed"
  place=$(awk -v text=": $1" 'substr($0, length($0) - length(text) + 1) == text { print NR - 1 }' "$here/listed")
  rm -rf "$here/one"
  mkdir "$here/one"
  (cd "$here/tree" && CARGO_TARGET_DIR=$folder/build cargo mutants "${asked[@]}" --shard "$place/$(wc -l <"$here/listed")" \
    --in-place --baseline skip --timeout "${MUTANTS_TIMEOUT:-600}" --build-timeout 3600 --output "$here/one" -- --lib) \
    >"$here/log" 2>&1 || true
  for outcome in caught missed timeout unviable; do
    if [[ $(sed -E 's/^[^:]+:[0-9]+:[0-9]+: //' "$here/one/mutants.out/$outcome.txt" 2>/dev/null) == "$1" ]]; then
      echo "$outcome" && return
    fi
  done
  cat "$here/log" >&2
  return 1
}

run() {
  local revision outcome
  revision=$(git rev-parse --verify "${1:-HEAD}^{commit}")
  here=$folder/${revision:0:12}
  # Files that an earlier run left mutated are overwritten. Their times are new, so that they are
  # built again.
  mkdir -p "$here/tree"
  git archive "$revision" | tar -x -m -C "$here/tree"
  mutants "$here/tree" >"$here/all"
  # Tests that fail without a mutant would count as noticing it.
  if [[ ! -e $here/sound ]]; then
    (cd "$here/tree" && CARGO_TARGET_DIR=$folder/build cargo test $(packages .) --lib) >"$here/log" 2>&1 ||
      { cat "$here/log" && echo "the tests fail without a mutant" && exit 1; }
    touch "$here/sound"
  fi
  touch "$here/results"
  while IFS= read -r text; do
    if ! grep -qxF -- "${text}" <(cut -f2 "$here/results"); then
      outcome=$(one "$text")
      printf '%s\t%s\n' "$outcome" "$text" | tee -a "$here/results"
    fi
  done <"$list"
  show "$revision"
}

show() {
  local revision results
  revision=$(git rev-parse --verify "${1:-HEAD}^{commit}")
  results=$folder/${revision:0:12}/results
  grep -v '^caught' "$results" || true
  cut -f1 "$results" | sort | uniq -c
  echo "$(wc -l <"$results") of $(wc -l <"$list") are known, in $results"
}

command -v cargo-mutants >/dev/null || { echo "needs \`cargo install cargo-mutants\`" && exit 77; }
mkdir -p "$folder"
case ${1:-} in
  choose | run | show) "$@" ;;
  *) sed -n '5,7s/^# *//p' "$0" && exit 2 ;;
esac
