#!/usr/bin/env bash
# Annotates every function of well-known crates and runs their own tests: plain, annotated but not
# recording, and recording. The results must be the same. Needs the registry; no code of the crates
# stays in the repository. Usage: tests/annotate/run.sh [--doc] [CRATE…]
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${ANNOTATE_DIR:-$here/../../target/annotate}
mkdir -p "$work" && work=$(cd "$work" && pwd)
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=$work/target CARGO_PROFILE_DEV_DEBUG=0
unset RUSTFLAGS PROFILER_CONFIG
versions="tower=0.5.3 hyper-util=0.1.21 itertools=0.14.0 bytes=1.12.1 half=2.7.1 smallvec=1.16.5"
kinds="--lib --tests"
[ "${1:-}" = --doc ] && { kinds=""; shift; }
crates=("$@")
[ ${#crates[@]} -gt 0 ] || crates=(tower hyper-util itertools bytes half smallvec)

# Prints the features with which a crate has most of its functions.
features() {
  case $1 in
    tower | hyper-util) echo full ;;
    half) echo std,bytemuck,num-traits,serde ;;
    smallvec) echo const_generics,const_new,drain_keep_rest,union,write ;;
    bytes) echo serde ;;
    *) echo default ;;
  esac
}

# Prints the folder in which cargo has put a crate's sources.
source_of() {
  cargo metadata --format-version 1 --manifest-path "$work/fetch/Cargo.toml" |
    grep -o "\"[^\"]*/$1-$2/Cargo.toml\"" | head -1 | tr -d '"' | xargs dirname
}

version_of() {
  tr ' ' '\n' <<<"$versions" | sed -n "s/^$1=//p"
}

fetch() {
  mkdir -p "$work/fetch/src" && : >"$work/fetch/src/lib.rs"
  {
    printf '[workspace]\n[package]\nname = "fetch"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\n'
    tr ' ' '\n' <<<"$versions" | sed 's/\(.*\)=\(.*\)/\1 = "=\2"/'
  } >"$work/fetch/Cargo.toml"
  cargo fetch --quiet --manifest-path "$work/fetch/Cargo.toml"
}

# serde_json, a dependency of the runtime, has `impl PartialEq<Value> for i32` and similar impls. In
# a program with it, the types of these comparisons are ambiguous, with or without annotations. The
# plain copies are changed too.
plainly_typed() {
  sed -i.orig 's/assert_eq!(&\*small_vec, &\[\])/assert!(small_vec.is_empty())/' "$1/smallvec/src/tests.rs"
  sed -i.orig 's/let mut sum = Vec::new()/let mut sum = Vec::<u8>::new()/' "$1/bytes/tests/test_bytes.rs"
  sed -i.orig 's/iter::once(Vec::new())/iter::once(Vec::<i32>::new())/' "$1/itertools/tests/quick.rs"
  sed -i.orig 's/vec!\[vec!\[\]\])/vec![Vec::<i32>::new()])/; s/<Vec<Vec<_>>>::new()/<Vec<Vec<i32>>>::new()/' \
    "$1/itertools/tests/test_std.rs"
}

# Creates a workspace for the plain copies and one for the annotated copies, with the same versions
# of all dependencies.
workspaces() {
  for kind in plain annotated; do
    rm -rf "${work:?}/$kind" && mkdir -p "$work/$kind"
    for crate in tower hyper-util itertools bytes half smallvec; do
      from=$(source_of "$crate" "$(version_of "$crate")")
      if [ "$kind" = plain ]; then
        "$annotate" "$from" "$work/plain/$crate"
      else
        "$annotate" "$from" "$work/annotated/$crate" "$here/recorded" >"$work/$crate.count"
      fi || return
    done
    plainly_typed "$work/$kind"
    printf '[workspace]\nresolver = "2"\nmembers = ["*"]\n' >"$work/$kind/Cargo.toml"
  done
  # The runtime's dependencies have the versions of this repository.
  cp "$here/../../Cargo.lock" "$work/annotated/Cargo.lock"
  cargo metadata --quiet --format-version 1 --manifest-path "$work/annotated/Cargo.toml" >"$work/metadata" &&
    cp "$work/annotated/Cargo.lock" "$work/plain/Cargo.lock"
}

# Runs a crate's tests, and writes their sorted names and results to a file.
tests() { # kind crate label
  (cd "$work/$1/$2" && cargo test --no-fail-fast --features "$(features "$2")" $kinds) >"$work/$2.$3.log" 2>&1
  # The names of doc tests contain their lines.
  grep -E '^test .* \.\.\. (ok|FAILED|ignored)' "$work/$2.$3.log" | sort >"$work/$2.$3.tests"
  passed=$(grep -c ' ok$' "$work/$2.$3.tests")
  grep -q '^error' "$work/$2.$3.log" && grep -q 'could not compile' "$work/$2.$3.log" && passed="does not compile"
  echo "$passed"
}

fetch || exit
cargo build --quiet --manifest-path "$here/Cargo.toml" || exit
annotate=$CARGO_TARGET_DIR/debug/annotate
workspaces || exit
row='%-12s %9s %7s %7s %9s   %8s %8s %9s %8s\n'
# shellcheck disable=SC2059
printf "$row" crate annotated 'const' foreign 'in macro' plain off recording sessions
failed=0
for crate in "${crates[@]}"; do
  read -r annotated constant foreign in_macros <"$work/$crate.count"
  plain=$(tests plain "$crate" plain)
  off=$(tests annotated "$crate" off)
  rm -rf "$work/sessions/$crate"
  config='{"profiler":"torch","torch_profiler_dir":"'$work/sessions/$crate'"}'
  recording=$(PROFILER_CONFIG=$config tests annotated "$crate" recording)
  sessions=$(find "$work/sessions/$crate" -name 'trace_rank*' 2>/dev/null | wc -l)
  # Tests that call millions of functions leave gigabytes.
  rm -rf "$work/sessions/$crate"
  # shellcheck disable=SC2059
  printf "$row" "$crate" "$annotated" "$constant" "$foreign" "$in_macros" "$plain" "$off" "$recording" "$sessions"
  for label in off recording; do
    diff "$work/$crate.plain.tests" "$work/$crate.$label.tests" >"$work/$crate.$label.diff" && [ -s "$work/$crate.plain.tests" ] && continue
    echo "  $crate, $label: differs; see $work/$crate.$label.log and .diff"
    failed=1
  done
  [ "$sessions" -gt 0 ] || { echo "  $crate: no session was written"; failed=1; }
done
exit $failed
