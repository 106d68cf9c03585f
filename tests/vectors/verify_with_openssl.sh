#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Verifies an assertion with nothing of ours: only the openssl command, sed and coreutils.
#
#   verify_with_openssl.sh HEADER_VALUE_FILE SSH_PUBLIC_KEY_FILE
#
# The first file holds `AgentAssertion …`, with or without `Authorization: ` in front and a newline behind; the second
# one line, `ssh-ed25519 …` or `ecdsa-sha2-nistp256 …`. Exit code: 0 the signature verifies, 1 it does not,
# 2 one of the two is not of the form that protocol.md §1 fixes.
set -eu
LC_ALL=C
export LC_ALL

refuse() {
  echo "verify_with_openssl.sh: $1" >&2
  exit 2
}

[ $# -eq 2 ] || refuse "usage: verify_with_openssl.sh HEADER_VALUE_FILE SSH_PUBLIC_KEY_FILE"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

from_hex() { printf %s "$1" | tr a-f A-F | basenc --base16 -d; }
to_hex() { basenc --base16 -w0 | tr A-F a-f; }

# ---- the header: outer base64url without padding, then JSON in its one form, then the three signed parts
value=$(cat "$1")
value=${value#Authorization: }
token=${value#AgentAssertion }
[ "$token" != "$value" ] || refuse "the value does not begin with 'AgentAssertion '"
case $token in
  '' | *[!A-Za-z0-9_-]*) refuse "the token is not base64url without padding" ;;
esac
case $((${#token} % 4)) in
  0) padded=$token ;;
  2) padded=$token== ;;
  3) padded=$token= ;;
  *) refuse "the token's length is not one of base64" ;;
esac
printf %s "$padded" | basenc --base64url -d >"$work/json" || refuse "the token does not decode"
[ "$(basenc --base64url -w0 <"$work/json" | tr -d =)" = "$token" ] || refuse "the token is not canonical base64url"

id='[A-Za-z0-9._~-]\{1,128\}'
form='^{"agent_runtime_id":"\('$id'\)","signature":"\([A-Za-z0-9+/]\{86\}==\)","task_id":"\('$id'\)",'
form=$form'"timestamp":"\([0-9]\{4\}-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z\)"}$'
member() { sed -n "s|$form|\\$1|p" "$work/json"; }
[ -n "$(member 1)" ] || refuse "the JSON is not of the one form"
printf '%s:%s:%s' "$(member 1)" "$(member 3)" "$(member 4)" >"$work/message"
member 2 | tr -d '\n' | basenc --base64 -d >"$work/signature"
[ "$(wc -c <"$work/signature")" -eq 64 ] || refuse "the signature does not have 64 bytes"

# ---- the key: the SSH blob's last bytes behind the fixed beginning of a SubjectPublicKeyInfo (RFC 8410, RFC 5480)
type=$(cut -d ' ' -f 1 "$2")
blob=$(cut -d ' ' -f 2 "$2" | tr -d '\n' | basenc --base64 -d | to_hex)
case $type in
  ssh-ed25519)
    key=${blob#0000000b7373682d6564323535313900000020}
    [ "${#key}" -eq 64 ] || refuse "the SSH key is not an Ed25519 key"
    from_hex "302a300506032b6570032100$key" >"$work/key.der"
    ;;
  ecdsa-sha2-nistp256)
    key=${blob#0000001365636473612d736861322d6e69737470323536000000086e6973747032353600000041}
    [ "${#key}" -eq 130 ] || refuse "the SSH key is not a P-256 key"
    from_hex "3059301306072a8648ce3d020106082a8648ce3d030107034200$key" >"$work/key.der"
    ;;
  *) refuse "the key's type is neither ssh-ed25519 nor ecdsa-sha2-nistp256" ;;
esac
openssl pkey -pubin -inform DER -in "$work/key.der" -out "$work/key.pem" 2>/dev/null || refuse "openssl does not read the key"

# ---- the signature
# A DER INTEGER (X.690 §8.3) of 32 big-endian bytes: no leading zero bytes, but one before a set high bit.
der_integer() {
  number=$1
  while [ "${#number}" -gt 2 ] && [ "${number#00}" != "$number" ]; do number=${number#00}; done
  case $number in
    [89a-f]*) number=00$number ;;
  esac
  printf '02%02x%s' $((${#number} / 2)) "$number"
}

if [ "$type" = ssh-ed25519 ]; then
  openssl pkeyutl -verify -pubin -inkey "$work/key.pem" -rawin -in "$work/message" -sigfile "$work/signature" || exit 1
else
  both=$(der_integer "$(head -c 32 "$work/signature" | to_hex)")$(der_integer "$(tail -c 32 "$work/signature" | to_hex)")
  from_hex "30$(printf %02x $((${#both} / 2)))$both" >"$work/signature.der"
  openssl dgst -sha256 -verify "$work/key.pem" -signature "$work/signature.der" "$work/message" || exit 1
fi
