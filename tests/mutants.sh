#!/usr/bin/env bash
# What the unit tests of stream, decode and schedule notice: 40 mutants, each run against the tests
# of its own crate.
#
#   mutants.sh choose            writes tests/mutants.txt: once, so that revisions are comparable
#   mutants.sh run [REVISION]    runs those of HEAD, or of REVISION, or goes on where it was cut off
#   mutants.sh show [REVISION]   prints what is known so far
#
# A mutant is known by its function and what is done to it, not by its place, so that the list stays
# right while files move. `MUTANTS_DIR` is where the copies, their builds and the results lie
# (`target/mutants`); `MUTANTS_TIMEOUT` the seconds that the tests may take (600): on a busy machine
# a mutant that nobody notices is not to pass for one that hangs. Needs
# `cargo install cargo-mutants`.
set -euo pipefail
cd "$(dirname "$0")/.."
list=$PWD/tests/mutants.txt
folder=${MUTANTS_DIR:-$PWD/target/mutants}
crates=(profiler-core profiler-trace profiler-runtime)
export CARGO_TERM_COLOR=never
# A mutant may allocate without end.
ulimit -v 16000000

# packages FOLDER: the crates that are there, as cargo takes them.
packages() {
  for crate in "${crates[@]}"; do
    [[ ! -d $1/$crate ]] || echo "--package $crate"
  done
}

# mutants FOLDER: `file|mutation` of everything that cargo-mutants would do to the product there.
mutants() {
  # shellcheck disable=SC2046 # words
  (cd "$1" && cargo mutants --no-config --list $(packages .)) | sed -E 's/^([^:]+):[0-9]+:[0-9]+: /\1|/'
}

# chosen COUNT FILES: as many of the unique ones in files that match, one of a function, in an order
# by their checksums.
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
  # What several places are called cannot be found again.
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

# one MUTATION: what becomes of it. Of a build that fails no test can be said to notice anything.
one() {
  local found file place asked
  found=$(awk -v text="$1" '{ name = $0; sub(/^[^|]*\|/, "", name) } name == text' "$here/all")
  [[ $found ]] || { echo gone && return; }
  [[ $(wc -l <<<"$found") == 1 ]] || { echo ambiguous && return; }
  file=${found%%|*}
  # One of the file's shards, of which there are as many as mutants: `--re` lets deleted fields
  # pass.
  asked=(--no-config --package "${file%%/*}" --file "$file")
  # Without recording the recorder has no tests.
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
  # What a run left mutated is overwritten; the times are new, so that it is built again.
  mkdir -p "$here/tree"
  git archive "$revision" | tar -x -m -C "$here/tree"
  mutants "$here/tree" >"$here/all"
  # What fails by itself would pass for something that noticed.
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
