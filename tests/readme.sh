#!/usr/bin/env bash
# Runs the commands of the README and of docs/ unchanged, in a copy of the repository.
#   tests/readme.sh [PAGE…]
# Each block begins with ```sh and a word for its kind:
#   run            the block is run, and must succeed
#   serves         its first command is a server; the others run once it listens, then it is ended
#   before         `run`, but an earlier step of check.sh has just run it
#   long, model, nsys, gpu, launcher, server, program
#                  it needs what the name says; it is listed and not run
# A block without such a word is an error. Blocks that need `./program` or `in.png` find these
# files.
set -uo pipefail
cd "$(dirname "$0")/.."
root=$PWD
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target} CARGO_TERM_COLOR=never
pages=("$@")
[ $# -gt 0 ] || pages=(*.md docs/*.md profiler-runtime/docs/*.md)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard | xargs -0 cp -p --parents -t "$copy"
failed=0

# Writes the blocks of a page to one file each, with the kind in the first line and the line number
# in the second.
blocks() {
  awk -v out="$copy/.block" '
    /^ *```sh/ { n++; file = out n; print $2 "\n" NR > file; next }
    file != "" && /^ *```/ { close(file); file = ""; next }
    file != "" { print > file }
  ' "$1"
}

# Returns whether something listens.
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Runs a block whose first command is a server. The command ends at the line that ends in neither a
# backslash nor an open quote.
serves() {
  local script=$1 first=0
  for ((lines = 1; ; lines++)); do
    bash -n <(head -n "$lines" "$script") 2>/dev/null && [[ $(sed -n "${lines}p" "$script") != *\\ ]] && break
  done
  head -n "$lines" "$script" >"$script.server"
  tail -n "+$((lines + 1))" "$script" >"$script.rest"
  local port
  port=$(grep -o -- '--port [0-9]*' "$script.server" | grep -o '[0-9]*')
  setsid bash "$script.server" &
  first=$!
  for _ in $(seq 1200); do
    listens "$port" && break
    kill -0 "$first" 2>/dev/null || return 1
    sleep 0.5
  done
  bash -euo pipefail "$script.rest"
  local rc=$?
  kill -TERM -- "-$first" 2>/dev/null
  wait "$first" 2>/dev/null
  return $rc
}

ready() {
  [ -e "$copy/in.png" ] && return
  # Built here and not in the copy, whose crates would be built again.
  cargo build --quiet --release --example wan_i2v || return 1
  ln -s "$CARGO_TARGET_DIR/release/examples/wan_i2v" "$copy/program"
  # A picture of 16 by 16 pixels.
  base64 -d >"$copy/in.png" <<<'iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAABlklEQVR42hXRURVEIQhFUSMYgQhGMAIRiGCEE8EIRiACEYhABCLMG7/ZrMt1jMEcyGAN9kAHNjgDBnfwBj6IQQ5q0IMxJnMikzXZE53Y5EyY3Mmb+CQmOalJzw8IUxBhCVtQwYQjIFzhCS6EkEIJLR9YzIUs1mIvdGGLs2BxF2/hi1jkoha9PrCZG9mszd7oxjZnw+Zu3sY3sclNbXp/QJmKKEvZiiqmHAXlKk9xJZRUSmn9gDENMZaxDTXMOAbGNZ7hRhhplNH2gcM8yGEd9kEPdjgHDvfwDn6IQx7q0OcD/wK/Sr4jv9hfkG/1N/x/Fx44BCQU9Pc94zIvclmXfdGLXc79j9/Lu/glLnmpS98PPOZDHuuxH/qwx3n/5ffxHv6IRz7q0e8DznTEWc521DHn+D/KdZ7jTjjplNP+gWAGEqxgBxpYcOIf/AYv8CCCDCro+EAyE0lWshNNLDn5P/MmL/Ekkkwq6fxAMQspVrELLaw49S/lFq/wIoosquj6QDMbaVazG22sOf2v8Dav8SaabKrp5geIAnAQC3NfwAAAAABJRU5ErkJggg=='
}

for page in "${pages[@]}"; do
  rm -f "$copy"/.block*
  blocks "$page"
  for block in $(ls -v "$copy"/.block* 2>/dev/null); do
    kind=$(sed -n 1p "$block") line=$(sed -n 2p "$block")
    sed -i 1,2d "$block"
    case $kind in
      run | serves)
        ready || exit 1
        if [ "$kind" = run ]; then play() { bash -euo pipefail "$1"; }; else play() { serves "$1"; }; fi
        started=$SECONDS
        if (cd "$copy" && play "$block") >"$copy/.log" 2>&1 </dev/null; then
          echo "readme   ran    $page:$line ($((SECONDS - started)) s)"
        else
          echo "readme   WRONG  $page:$line"
          cat "$block" "$copy/.log"
          failed=1
        fi
        ;;
      before) echo "readme   ran    $page:$line (by an earlier step)" ;;
      long | model | nsys | gpu | launcher | server | program) echo "readme   left   $page:$line ($kind)" ;;
      *)
        echo "readme   WRONG  $page:$line: a block of kind \`$kind\`; the head of tests/readme.sh lists them"
        failed=1
        ;;
    esac
  done
done
exit $failed
