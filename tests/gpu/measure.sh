# Sourced by run.sh: finds the machine's tools and libraries, and measures.

# Prints kernel, tools and libraries of this machine, one per line.
look() {
  echo "system: $(uname -sr), glibc $(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2), $(nproc) processors"
  local tool path
  for tool in nvidia-smi nvcc nsys ncu cargo python3; do
    path=$(command -v "$tool" || true)
    echo "$tool: ${path:-not here}"
  done
  if command -v nvidia-smi >/dev/null; then
    timeout 5 nvidia-smi --query-gpu=name,driver_version,mig.mode.current,clocks.max.sm --format=csv,noheader 2>&1 |
      sed 's/^/nvidia-smi says: /' || true
  fi
  # Toolkits, and PyTorch's libraries in Python's folders. The search prints lines, so that its
  # results within the time limit count.
  timeout 8 stdbuf -oL find /usr /opt /home "${HOME:-/root}" -xdev -path "$1" -prune -o \
    \( -name 'libcupti.so*' -o -name 'libcudart.so*' -o -name 'libtorch_cuda.so' -o -name 'libcublasLt.so*' \) -print \
    2>/dev/null | sort -u | head -40 | sed 's/^/library: /' || true
}

# Exports the first libcupti that starts: the caller's, then the one that the profiler finds, then
# the bundle's, newest first.
choose() {
  local bundle=$1 out=$2 library said
  if [[ ${PROFILER_CUPTI_LIB:-} ]]; then
    echo "libcupti: $PROFILER_CUPTI_LIB, as the caller says"
    return
  fi
  unset PROFILER_CUPTI_LIB
  for library in "" "$bundle"/nvidia/libcupti-{13.0.so.13,12.9.so.12,12.4.so.12}; do
    [[ $library && ! -e $library ]] && continue
    [[ $library ]] && export PROFILER_CUPTI_LIB=$library
    said=$(timeout 7 "$program" step versions "$out" 2>&1 | tail -1) || true
    case $said in
      *'"seen":"cupti"'*) echo "libcupti: ${library:-what the profiler finds by itself}" && return ;;
      *'"skipped"'*) echo "libcupti: not tried without a GPU" && break ;;
    esac
    echo "libcupti: ${library:-what the profiler finds by itself} does not start"
  done
  unset PROFILER_CUPTI_LIB
}

measure() {
  local out=$1 bundle=$2 major=12 code=0
  mkdir -p "$out"
  out=$(cd "$out" && pwd)
  bundle=$(cd "$bundle" 2>/dev/null && pwd || echo "$bundle")
  program=$bundle/bin/gpu_workload
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  export GPU_FOUND=$work/found
  look "$bundle" >"$GPU_FOUND"
  if ! "$program" runs >"$work/log" 2>&1; then
    { printf '# Nothing was measured\n\n`%s` does not run here: %s\n\n' "$program" "$(tail -1 "$work/log")" && cat "$GPU_FOUND"; } |
      tee "$out/report.md"
    return 1
  fi
  export GPU_NVTX_TOOL=${GPU_NVTX_TOOL:-$bundle/bin/libnvtx_tool.so} GPU_WORKLOAD_CUBIN=$bundle/kernels.cubin
  choose "$bundle" "$out" >>"$GPU_FOUND"
  [[ ${PROFILER_CUPTI_LIB:-} == *.so.13 ]] && major=13
  export GPU_CUDART=${GPU_CUDART:-$bundle/nvidia/libcudart.so.$major}
  "$program" day "$out" || code=$?
  echo "the report is $out/report.md"
  return "$code"
}
