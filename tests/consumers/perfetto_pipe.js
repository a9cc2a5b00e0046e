// Perfetto's trace processor as a process: protocol bytes in on stdin, out on stdout; `R` says that it is ready.
//
// Usage: node perfetto_pipe.js FOLDER, with the engine of Perfetto's user interface in FOLDER. The engine is made for a browser's worker, so it is
// given just enough of one.

"use strict";
const fs = require("fs");
const path = require("path");

const folder = process.argv[2];
const file = (address) => fs.readFileSync(path.join(folder, path.basename(String(address))));

class FileRequest {
  open(_method, address) { this.address = address; }
  send() {
    const bytes = file(this.address);
    this.response = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    this.status = 200;
  }
}

const log = (...words) => process.stderr.write(words.join(" ") + "\n");
const worker = { location: { href: "http://localhost/engine_bundle.js" } };
const browser = {
  self: worker,
  location: worker.location,
  WorkerGlobalScope: function () {},
  XMLHttpRequest: FileRequest,
  console: { log, warn: log, error: log, info() {}, debug() {} },
  importScripts() {},
};
// What would tell the engine that it runs under Node.
for (const name of ["process", "window", "document", "require", "module", "exports"]) browser[name] = undefined;

function write(bytes) {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error; // The pipe is full.
    }
  }
}

new Function(...Object.keys(browser), file("engine_bundle.js").toString())(...Object.values(browser));
const port = { onmessage: null, postMessage: (bytes) => write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) };
worker.onmessage({ data: port });
// The engine has no event for it, but it is ready a few turns of the event loop later.
setTimeout(() => {
  write(Buffer.from("R"));
  process.stdin.on("data", (bytes) => port.onmessage({ data: new Uint8Array(bytes) }));
  process.stdin.on("end", () => process.exit(0));
}, 50);
