# Makes the proofs of vectors_python.json with Python's cryptography package (and so with an OpenSSL of
# its own): python3 make_vectors.py > vectors_python.json
#
# `proofs` are those of key pairs, as in make_vectors.mjs, with client data as the Python client writes
# them. `passkeys` are WebAuthn ceremonies with authenticator data and CBOR put together by hand.
import base64
import hashlib
import json
import sys

import cryptography
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CHALLENGE = base64.urlsafe_b64encode(b"ch-0123456789abcdefghijklmnopqrst").rstrip(b"=").decode()
ORIGIN = "https://one.example"
USER = "us-6b58p-r53sr-rlrd3l5cj3uc4ome"


def b64(data, padded=False):
    text = base64.urlsafe_b64encode(data).decode()
    return text if padded else text.rstrip("=")


def sign(key, message, digest=hashes.SHA256()):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), digest)
    return key.sign(message, ec.ECDSA(digest))


def proof(name, key, form=PublicFormat.SubjectPublicKeyInfo, digest=hashes.SHA256(), algorithm=None):
    def client_data(ceremony):
        members = {"type": ceremony, "challenge": CHALLENGE, "origin": ORIGIN, "crossOrigin": False}
        return json.dumps(members).encode()

    public_key = key.public_key().public_bytes(Encoding.PEM, form).decode()
    create, get = client_data("key.create"), client_data("key.get")
    message = json.dumps(
        {"clientDataHash": hashlib.sha256(create).hexdigest(), "publicKey": public_key},
        separators=(",", ":"),
    ).encode()
    attestation = {"publicKey": public_key, "signature": sign(key, message, digest).hex()}
    if algorithm:
        attestation["algorithm"] = algorithm
    return {
        "name": name,
        "algorithm": algorithm,
        "create": {
            "clientData": b64(create),
            "attestationData": b64(json.dumps(attestation).encode()),
        },
        "get": {"clientData": b64(get), "signature": b64(sign(key, get, digest))},
    }


def head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    if number < 256:
        return bytes([major << 5 | 24, number])
    return bytes([major << 5 | 25]) + number.to_bytes(2, "big")


def cbor(value):
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value)) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())


def cose(key):
    numbers = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        return {1: 3, 3: -257, -1: numbers.n.to_bytes(256, "big"), -2: numbers.e.to_bytes(3, "big")}
    return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}


def passkey(name, key, challenge, statement, extensions=None):
    aaguid, identity = hashlib.md5(name.encode()).digest(), hashlib.sha256(name.encode()).digest()
    rp_id_hash = hashlib.sha256(b"one.example").digest()

    def client_data(ceremony):
        members = {"type": ceremony, "challenge": challenge, "origin": ORIGIN, "crossOrigin": False}
        return json.dumps(members, separators=(",", ":")).encode()

    def authenticator_data(flags, counter, rest=b""):
        extra = b"" if extensions is None else cbor(extensions)
        flags |= 0 if extensions is None else 0x80
        return rp_id_hash + bytes([flags]) + counter.to_bytes(4, "big") + rest + extra

    create, get = client_data("webauthn.create"), client_data("webauthn.get")
    attested = aaguid + len(identity).to_bytes(2, "big") + identity + cbor(cose(key))
    created = authenticator_data(0x4D, 7, attested)
    form, make_statement = statement
    attestation_object = {
        "fmt": form,
        "attStmt": make_statement(key, created + hashlib.sha256(create).digest()),
        "authData": created,
    }
    used = authenticator_data(0x1D, 8)
    return {
        "name": name,
        "aaguid": aaguid.hex(),
        "user": USER,
        "create": {
            "credId": b64(identity),
            "clientData": b64(create),
            "attestationData": b64(cbor(attestation_object)),
        },
        "get": {
            "credId": b64(identity),
            "clientData": b64(get),
            "authenticatorData": b64(used),
            "signature": b64(sign(key, used + hashlib.sha256(get).digest())),
            "userHandle": b64(USER.encode(), padded=True),
        },
    }


NONE = ("none", lambda key, message: {})
PACKED = ("packed", lambda key, message: {"alg": -7, "sig": sign(key, message)})
TPM = ("tpm", lambda key, message: {"ver": "2.0", "alg": -257, "sig": b"s" * 256, "x5c": [b"c"] * 2})
TWICE = b64(CHALLENGE.encode())


def rsa_key(bits, exponent=65537):
    return rsa.generate_private_key(exponent, bits)


proofs = [
    proof("p256", ec.generate_private_key(ec.SECP256R1())),
    proof("p384", ec.generate_private_key(ec.SECP384R1())),
    proof("p521", ec.generate_private_key(ec.SECP521R1())),
    proof("p384 SHA384", ec.generate_private_key(ec.SECP384R1()), digest=hashes.SHA384(), algorithm="SHA384"),
    proof("p521 SHA512", ec.generate_private_key(ec.SECP521R1()), digest=hashes.SHA512(), algorithm="sha512"),
    proof("secp256k1", ec.generate_private_key(ec.SECP256K1())),
    proof("ed25519", ed25519.Ed25519PrivateKey.generate()),
    proof("rsa 2048", rsa_key(2048)),
    proof("rsa 2048 pkcs1 pem", rsa_key(2048), form=PublicFormat.PKCS1),
    proof("rsa 2048 exponent 3", rsa_key(2048, 3)),
    proof("rsa 8192", rsa_key(8192)),
]
es256 = lambda: ec.generate_private_key(ec.SECP256R1())
passkeys = [
    passkey("es256 none, plain challenge", es256(), CHALLENGE, NONE),
    passkey("es256 none, challenge encoded twice", es256(), TWICE, NONE),
    passkey("es256 packed", es256(), TWICE, PACKED),
    passkey("rs256 none", rsa_key(2048), TWICE, NONE),
    passkey("rs256 tpm that nobody can verify", rsa_key(2048), CHALLENGE, TPM),
    passkey("es256 with extensions", es256(), TWICE, NONE, {"credProtect": 2, "hmac-secret": True}),
    passkey("es256 with an unknown extension", es256(), TWICE, NONE, {"example.unknown": [1]}),
]
made_by = f"Python {sys.version.split()[0]}, cryptography {cryptography.__version__}"
print(json.dumps({"madeBy": made_by, "challenge": CHALLENGE, "proofs": proofs, "passkeys": passkeys}, indent=1))
