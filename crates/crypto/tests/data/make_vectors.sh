#!/bin/sh
# Makes the proofs of vectors_openssl.json with the openssl command alone:
#   sh make_vectors.sh > vectors_openssl.json
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

b64() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
challenge=$(printf ch-0123456789abcdefghijklmnopqrst | b64)
printf '{"challenge":"%s","crossOrigin":false,"type":"key.create"}' "$challenge" >create
printf '{"challenge":"%s","crossOrigin":false,"type":"key.get"}' "$challenge" >get
hash=$(openssl dgst -sha256 -r create | cut -d' ' -f1)

sign() {
    case $1 in
    ed25519) openssl pkeyutl -sign -rawin -inkey key -in "$2" ;;
    *) openssl dgst -sha256 -sign key "$2" ;;
    esac
}

proof() {
    openssl genpkey "$@" -out key 2>/dev/null
    openssl pkey -in key -pubout -out public
    # JSON escapes a newline as \n; nothing else in a PEM needs it.
    public=$(awk '{printf "%s\\n", $0}' public)
    printf '{"clientDataHash":"%s","publicKey":"%s"}' "$hash" "$public" >message
    signature=$(sign "$2" message | od -An -v -tx1 | tr -d ' \n')
    printf '{"publicKey":"%s","signature":"%s"}' "$public" "$signature" >attestation
    printf '%s  {"name": "%s", "create": {"clientData": "%s", "attestationData": "%s"}, "get": {"clientData": "%s", "signature": "%s"}}' \
        "$comma" "$*" "$(b64 <create)" "$(b64 <attestation)" "$(b64 <get)" "$(sign "$2" get | b64)"
    comma=',
'
}

comma=''
printf '{"madeBy": "%s", "challenge": "%s", "proofs": [\n' "$(openssl version)" "$challenge"
for curve in P-256 P-384 P-521 secp256k1; do
    proof -algorithm EC -pkeyopt ec_paramgen_curve:$curve
done
for bits in 2048 3072; do
    proof -algorithm RSA -pkeyopt rsa_keygen_bits:$bits
done
proof -algorithm ed25519
printf '\n]}\n'
