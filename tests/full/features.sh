#!/usr/bin/env bash
# Checks each crate with none of its features, with each of them alone, and with all, as `cargo hack check --each-feature` does
# from the manifests' own lists; then what the runtime says of call stacks that its build cannot record. A warning fails.
# Usage: features.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TERM_COLOR=never
# Needs libclang to build.
not_here=nvtx-sdk
command -v llvm-config >/dev/null && not_here=

# Cargo repeats the warnings of what it has checked before, and says nothing else when it is quiet. Flags that deny them would
# check every dependency once more.
checked() {
  local started=$SECONDS said
  said=$(cargo check --quiet "$@" 2>&1) && [[ ! $said ]] || { printf '%s\n%s\n' "$*" "$said" && return 1; }
  echo "$* ($((SECONDS - started)) s)"
}

for manifest in profiler-*/Cargo.toml; do
  name=$(sed -n 's/^name = "\(.*\)"/\1/p' "$manifest" | head -1)
  features=$(awk '/^\[/ { on = $0 == "[features]" } on && /^[a-z]/ && $1 != "default" { print $1 }' "$manifest")
  all=
  checked -p "$name" --no-default-features
  for feature in $features; do
    [[ $feature == "$not_here" ]] && continue
    checked -p "$name" --no-default-features --features "$feature"
    all+=$feature,
  done
  [[ $all != *,*,* ]] || checked -p "$name" --features "$all"
done
cargo test --quiet -p profiler-runtime --no-default-features --features enable --lib config::
