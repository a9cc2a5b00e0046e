# Sourced by run.sh: builds the bundle for a machine with a GPU on one without.
#
# NVIDIA's files come from PyPI's CUDA wheels, reduced to those that are used. A repository must not
# distribute them, so git ignores the bundle.

# Oldest glibc for the programs, if zig is available; otherwise it is this machine's.
glibc=2.28
# libcupti by release of CUDA. A version newer than the driver's does not start. The oldest of 13,
# and two of 12.
wheels=(
  "nvidia-cuda-cupti==13.0.85 nvidia/cu13/lib/libcupti.so.13 libcupti-13.0.so.13"
  "nvidia-cuda-cupti-cu12==12.9.79 nvidia/cuda_cupti/lib/libcupti.so.12 libcupti-12.9.so.12"
  "nvidia-cuda-cupti-cu12==12.4.127 nvidia/cuda_cupti/lib/libcupti.so.12 libcupti-12.4.so.12"
  "nvidia-cuda-runtime==13.0.96 nvidia/cu13/lib/libcudart.so.13 libcudart.so.13"
  "nvidia-cuda-runtime-cu12==12.4.127 nvidia/cuda_runtime/lib/libcudart.so.12 libcudart.so.12"
)
# Checks the kernels, and compiles them for a driver that cannot. Not part of the bundle.
compiler="nvidia-cuda-nvcc==13.0.88 nvidia/cu13/bin/ptxas"
most_kib=$((60 * 1024))

prepare() {
  local bundle=$1
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$bundle/bin" "$bundle/nvidia"
  bundle=$(cd "$bundle" && pwd)
  python3 -m venv "$work/venv"
  build "$bundle" "$work"
  fetch "$bundle" "$work"
  compile "$bundle" "$work"
  contents "$bundle" | tee "$bundle/CONTENTS"
  local repository all
  repository=$(cd "$root" && git ls-files -z | du -cks --files0-from=- | tail -1 | cut -f1)
  all=$((repository + $(du -ks "$bundle" | cut -f1)))
  echo "the bundle and the repository: $all KiB of $most_kib"
  ((all <= most_kib)) || { echo "that is too much to be carried"; return 1; }
  echo "carry $bundle, then: tests/gpu/run.sh measure OUT"
}

# Builds the programs, for an old glibc if zig is available.
build() {
  local bundle=$1 work=$2 packages=(-p gpu-workload -p nvtx-tool) target=${CARGO_TARGET_DIR:-$root/target}/bundle
  local how=(build) built=$target/release
  if "$work/venv/bin/pip" -q install ziglang cargo-zigbuild 2>"$work/log"; then
    how=(zigbuild --target "x86_64-unknown-linux-gnu.$glibc") built=$target/x86_64-unknown-linux-gnu/release
  else
    echo "zig cannot be had: the programs need this machine's glibc or a newer one"
  fi
  # A separate folder, because the profile omits debug information.
  (cd "$root" && PATH=$work/venv/bin:$PATH CARGO_TARGET_DIR=$target CARGO_PROFILE_RELEASE_DEBUG=0 \
    cargo "${how[@]}" --release "${packages[@]}")
  cp "$built/gpu_workload" "$built/libnvtx_tool.so" "$bundle/bin/"
}

# Fetches NVIDIA's libraries.
fetch() {
  local bundle=$1 work=$2 row package file name
  for row in "${wheels[@]}" "$compiler ptxas"; do
    read -r package file name <<<"$row"
    [[ $name != ptxas && -e $bundle/nvidia/$name ]] && continue
    rm -rf "$work/wheel" && mkdir "$work/wheel"
    "$work/venv/bin/pip" -q download --no-deps -d "$work/wheel" "$package"
    python3 -m zipfile -e "$work"/wheel/*.whl "$work/wheel/files"
    if [[ $name == ptxas ]]; then
      cp "$work/wheel/files/$file" "$work/ptxas" && chmod +x "$work/ptxas"
    else
      cp "$work/wheel/files/$file" "$bundle/nvidia/$name"
    fi
  done
}

# Compiles the kernels for Hopper, which also proves that the PTX is valid.
compile() {
  "$2/ptxas" -arch=sm_90 "$here/src/cuda/kernels.ptx" -o "$1/kernels.cubin"
}

# Prints the bundle's contents, and the glibc that it needs.
contents() {
  local file needs
  (cd "$1" && find bin nvidia kernels.cubin -type f | sort) | while read -r file; do
    needs=$(grep -aoE 'GLIBC_2\.[0-9]+' "$1/$file" | sort -uV | tail -1 || true)
    printf '%9d  %s  %s\n' "$(stat -c %s "$1/$file")" "$file" "$needs"
  done
}
