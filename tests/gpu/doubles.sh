# Sourced by run.sh: runs the steps on the doubles. `GPU_DOUBLES` is a folder that contains them and
# the program, if they are already built.

doubles() {
  local out=$1 built=${GPU_DOUBLES:-} machine code=0
  source "$here/measure.sh"
  if [[ ! $built ]]; then
    (cd "$root" && cargo build -p gpu-workload -p cuda-double -p cupti-double -p nvtx-tool)
    built=${CARGO_TARGET_DIR:-$root/target}/debug
  fi
  machine=$(mktemp -d)
  mkdir "$machine/bin" "$machine/lib"
  cp "$built/gpu_workload" "$built/libnvtx_tool.so" "$machine/bin/"
  # The directory in which NVIDIA's libraries would be found.
  cp "$built/libcuda_double.so" "$machine/lib/libcuda.so.1"
  cp "$built/libcupti_double.so" "$machine/lib/libcupti.so.12"
  export LD_LIBRARY_PATH=$machine/lib CUDA_DOUBLE_DEVICE=works CUDA_DOUBLE_CUPTI=$machine/lib/libcupti.so.12
  export CUDA_DOUBLE_LOG=$machine/cuda.log GPU_CUDART=$machine/lib/libcuda.so.1
  echo "on the doubles: these figures say that every step works, and nothing about a GPU"
  (measure "$out" "$machine") || code=$?
  rm -rf "$machine"
  return "$code"
}
