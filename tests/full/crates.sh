#!/usr/bin/env bash
# Checks what the published crates promise to those who depend on them.
#
#   crates.sh deny       licences, duplicate versions and sources of all dependencies (deny.toml)
#   crates.sh msrv       the crates build with the Rust that their manifests state
#   crates.sh minimal    they build with the lowest versions that their manifests state
#   crates.sh semver     their public API beside that of the commit before (SEMVER_BASELINE)
#   crates.sh docsrs     their documentation, as docs.rs builds it
#   crates.sh wasm       a library that annotates itself, without std, for wasm32
#   crates.sh systems    crates and unit tests type-check for Windows and macOS
#
# Ends with 77 where the machine lacks what the check needs; the last line says what that is.
set -euo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TERM_COLOR=never
target=${CARGO_TARGET_DIR:-$PWD/target}
folders=(profiler-macros profiler-core profiler-shapes profiler-trace profiler-runtime profiler-tracing)
packages=()
for folder in "${folders[@]}"; do
  packages+=(-p "$(sed -n 's/^name = "\(.*\)"/\1/p' "$folder/Cargo.toml" | head -1)")
done

# listed FOLDER: the features of a crate that docs.rs shows, by commas.
listed() {
  sed -n '/^\[package.metadata.docs.rs\]/,/^$/s/^features = \[\(.*\)\]/\1/p' "$1/Cargo.toml" | tr -d '" '
}

# shown FOLDER: the same as arguments of cargo; all features of a crate without a list.
shown() {
  local list
  list=$(listed "$1")
  if [[ $list ]]; then echo "--features $list"; else echo --all-features; fi
}

# The runtime's without those that would build candle once more.
features=$(listed profiler-runtime | tr ',' '\n' | grep -v candle | sed 's|^|profiler-runtime/|' | paste -sd,)

needs() {
  echo "skipped: it needs $*"
  exit 77
}

nightly() {
  cargo +nightly --version >/dev/null 2>&1 || needs "\`rustup toolchain install nightly\`"
}

# The standard library of a target that has none installed is built from its source.
source_of_std() {
  [[ -d $(rustc +nightly --print sysroot)/lib/rustlib/src/rust/library ]] ||
    needs "\`rustup component add --toolchain nightly rust-src\`"
}

deny() {
  command -v cargo-deny >/dev/null || needs "\`cargo install cargo-deny\`"
  local checks=(licenses bans sources)
  if cargo deny fetch db >/dev/null 2>&1; then
    checks+=(advisories)
  else
    echo "the database of advisories cannot be fetched: only the workflow reads it"
  fi
  cargo deny check --hide-inclusion-graph "${checks[@]}"
}

msrv() {
  local version
  version=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  cargo "+$version" --version >/dev/null 2>&1 || needs "\`rustup toolchain install $version\`"
  CARGO_TARGET_DIR=$target/msrv cargo "+$version" check --locked "${packages[@]}" --features "$features"
}

# In a copy that has the published crates alone, because the others' dependencies would raise
# what is chosen for these.
minimal() {
  nightly
  local copy members
  copy=$(mktemp -d)
  trap "rm -rf '$copy'" EXIT
  git ls-files -z --cached --others --exclude-standard "${folders[@]}" Cargo.toml README.md docs |
    xargs -0 cp -p --parents -t "$copy"
  members=$(printf '"%s", ' "${folders[@]}")
  sed -i "s/^members = .*/members = [${members%, }]/; /^default-members/d" "$copy/Cargo.toml"
  cd "$copy"
  cargo +nightly generate-lockfile -Zdirect-minimal-versions
  CARGO_TARGET_DIR=$target/minimal cargo +nightly check --workspace --features "$features"
}

semver() {
  command -v cargo-semver-checks >/dev/null || needs "\`cargo install cargo-semver-checks\`"
  cargo semver-checks "${packages[@]}" --baseline-rev "${SEMVER_BASELINE:-HEAD^}"
}

docsrs() {
  nightly
  for folder in "${folders[@]}"; do
    # shellcheck disable=SC2046 # words
    RUSTDOCFLAGS="--cfg docsrs -D warnings" CARGO_TARGET_DIR=$target/docsrs cargo +nightly doc --no-deps \
      --manifest-path "$folder/Cargo.toml" $(shown "$folder")
  done
}

wasm() {
  local triple=wasm32-unknown-unknown
  local build=(build --manifest-path tests/no_std/Cargo.toml --target "$triple")
  export CARGO_TARGET_DIR=$target/wasm
  if [[ -d $(rustc --print sysroot)/lib/rustlib/$triple ]]; then
    cargo "${build[@]}"
  else
    nightly
    source_of_std
    cargo +nightly "${build[@]}" -Zbuild-std=core
  fi
}

systems() {
  nightly
  source_of_std
  for triple in x86_64-pc-windows-msvc aarch64-apple-darwin; do
    echo "$triple"
    CARGO_TARGET_DIR=$target/systems cargo +nightly check -Zbuild-std --target "$triple" "${packages[@]}" \
      --all-targets --features "$features"
  done
}

case ${1:-} in
  deny | msrv | minimal | semver | docsrs | wasm | systems) "$1" ;;
  *) sed -n '4,10s/^#   //p' "$0" && exit 2 ;;
esac
