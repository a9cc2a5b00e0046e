#!/usr/bin/env bash
# Checks each crate with none of its features, with each of them alone, and with all, as
# `cargo hack check --each-feature` does from the manifests' own lists; then checks the runtime's
# messages about call stacks that its build cannot record. A warning fails.
#
# Usage: features.sh [CRATE…]
set -euo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TERM_COLOR=never
crates=("$@")
[[ $# -gt 0 ]] || crates=(profiler-*/)
failed=0

# Whether bindgen finds libclang, which `nvtx-sdk` needs; `libclang-cpp` is another library.
has_libclang() {
  [[ ${LIBCLANG_PATH:-} ]] || { ldconfig -p && ls "$(llvm-config --libdir)"; } 2>/dev/null |
    grep -E 'libclang(-[0-9.]+)?\.so' >/dev/null
}

# Cargo repeats the warnings of what it has checked before, and says nothing else when it is quiet.
# Flags that deny them would check every dependency once more.
checked() {
  local started=$SECONDS said
  if said=$(cargo check --quiet "$@" 2>&1) && [[ ! $said ]]; then
    echo "$* ($((SECONDS - started)) s)"
  else
    printf 'FAILED %s\n%s\n' "$*" "$said"
    failed=1
  fi
}

for crate in "${crates[@]}"; do
  manifest=${crate%/}/Cargo.toml
  name=$(sed -n 's/^name = "\(.*\)"/\1/p' "$manifest" | head -1)
  features=$(awk '/^\[/ { on = $0 == "[features]" } on && /^[a-z]/ && $1 != "default" { print $1 }' "$manifest")
  all=
  checked -p "$name" --no-default-features
  for feature in $features; do
    if [[ $feature == nvtx-sdk ]] && ! has_libclang; then
      echo "-p $name --features $feature: not here, it needs libclang"
      continue
    fi
    checked -p "$name" --no-default-features --features "$feature"
    all+=$feature,
  done
  [[ $all != *,*,* ]] || checked -p "$name" --features "${all%,}"
done
cargo test --quiet -p profiler-runtime --no-default-features --features enable --lib config::
exit $failed
