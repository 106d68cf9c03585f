#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// A host in Node.js: the headers of its requests from `holdfast header`, a child process; nothing to compile.
//
//   host.js IDENTITY_FILE ORIGIN CA_FILE URL...
//
// sends one GET request for each URL. Headers go to ORIGIN only.
'use strict';
const { execFile } = require('node:child_process');
const { readFileSync } = require('node:fs');
const https = require('node:https');
const { promisify } = require('node:util');

const LONGEST_MS = 30_000;
const REJECTION_INTERVAL_MS = 60_000;

// What the tool prints. No shell is involved, and no secret is in the arguments.
async function holdfast(...words) {
  const { stdout } = await promisify(execFile)('holdfast', [...words, '--quiet'], { timeout: LONGEST_MS });
  return stdout.trimEnd();
}

class Agent {
  #identity;
  #origin;
  #task; // a promise of its id: one for all requests, and those that come at once wait for the same
  #replaced = -Infinity;

  constructor(identityFile, origin) {
    this.#identity = ['--identity-file', identityFile];
    this.#origin = new URL(origin).origin;
  }

  // The headers of a request to `url`, and the task that they are for.
  async headersFor(url) {
    if (new URL(url).origin !== this.#origin) {
      throw Object.assign(new Error(`headers go to ${this.#origin} only, and not to ${url}`), { code: 2 });
    }
    const task = this.#task ??= this.#register();
    const lines = (await holdfast('header', '--task', await task, ...this.#identity)).split('\n');
    const headers = Object.fromEntries(lines.map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)];
    }));
    return { headers, task };
  }

  // A request with headers for `task` was answered 401 or 403. True: send once more, with new headers. Not twice in a
  // minute: where a new task is refused as well it is hardly the task, and each request would register another one.
  rejected(task) {
    if (task !== this.#task) return true;
    const now = performance.now();
    if (now - this.#replaced < REJECTION_INTERVAL_MS) return false;
    this.#replaced = now;
    this.#task = undefined;
    return true;
  }

  #register() {
    const task = holdfast('task', 'register', ...this.#identity);
    task.catch(() => { if (this.#task === task) this.#task = undefined; }); // the next request tries again
    return task;
  }
}

// The status of the answer. Redirects are not followed.
function get(url, headers, ca) {
  return new Promise((resolve, reject) => {
    const options = { headers, ca, signal: AbortSignal.timeout(LONGEST_MS) };
    https.get(url, options, (answer) => { answer.resume(); resolve(answer.statusCode); }).on('error', reject);
  });
}

async function ask(agent, url, ca) {
  const first = await agent.headersFor(url);
  const status = await get(url, first.headers, ca);
  if ((status !== 401 && status !== 403) || !agent.rejected(first.task)) return status;
  return get(url, (await agent.headersFor(url)).headers, ca);
}

async function main([identityFile, origin, caFile, ...urls]) {
  if (urls.length === 0) {
    console.error('usage: host.js IDENTITY_FILE ORIGIN CA_FILE URL...');
    return 2;
  }
  const agent = new Agent(identityFile, origin);
  const ca = readFileSync(caFile);
  for (const url of urls) console.log(await ask(agent, url, ca));
  return 0;
}

main(process.argv.slice(2)).then((code) => { process.exitCode = code; }, (error) => {
  process.stderr.write(error.stderr || `error: ${error.message}\n`);
  process.exitCode = error.code > 0 ? error.code : 1;
});
