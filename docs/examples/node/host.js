#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// A host in Node.js: the header of a request from `holdfast header`, a child process; nothing to compile.
//
//   host.js IDENTITY_FILE CA_FILE URL
'use strict';
const { execFile } = require('node:child_process');
const { readFileSync } = require('node:fs');
const https = require('node:https');
const { promisify } = require('node:util');

// The lines `Name: value` that the tool writes, as an object. No shell is involved, and no secret is in the arguments.
async function headersOf(identityFile) {
  const { stdout } = await promisify(execFile)('holdfast',
    ['header', '--register', '--identity-file', identityFile, '--quiet']);
  return Object.fromEntries(stdout.trimEnd().split('\n').map((line) => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon), line.slice(colon + 2)];
  }));
}

function get(url, headers, ca) {
  return new Promise((resolve, reject) => {
    https.get(url, { headers, ca }, (answer) => { answer.resume(); resolve(answer.statusCode); }).on('error', reject);
  });
}

async function main([identityFile, caFile, url]) {
  if (url === undefined) {
    console.error('usage: host.js IDENTITY_FILE CA_FILE URL');
    return 2;
  }
  console.log(await get(url, await headersOf(identityFile), readFileSync(caFile)));
  return 0;
}

main(process.argv.slice(2)).then((code) => { process.exitCode = code; }, (error) => {
  process.stderr.write(error.stderr || `error: ${error.message}\n`);
  process.exitCode = error.code > 0 ? error.code : 1;
});
