"""Images with Content Credentials, signed here and now by a throw-away certificate, offline."""

from __future__ import annotations

import datetime
import io

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cifake_core.metadata_credentials import SETTINGS

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_DAY = datetime.timedelta(days=1)


def _certificate(name: str, key, issuer: str, issuer_key, is_ca: bool) -> x509.Certificate:
    def named(words: str) -> x509.Name:
        pairs = [(NameOID.ORGANIZATION_NAME, "Throw-away"), (NameOID.COMMON_NAME, words)]
        return x509.Name([x509.NameAttribute(oid, text) for oid, text in pairs])

    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(not is_ca, *[False] * 4, is_ca, is_ca, False, False)
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = (
        x509.CertificateBuilder(named(issuer), named(name), key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        .add_extension(by, critical=False)
        .add_extension(usage, critical=True)
    )
    if not is_ca:
        mail = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(mail, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def signer() -> c2pa.Signer:
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate("Test root", root_key, "Test root", root_key, is_ca=True)
    leaf = _certificate("Test signer", key, "Test root", root_key, is_ca=False)
    chain = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in (leaf, root))
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, secret, None))


def sign(
    data: bytes,
    form: str,
    source: str = "trainedAlgorithmicMedia",
    remote: str | None = None,
    program: str = "Test program",
) -> bytes:
    """The image with a manifest in it; with ``remote``, with that address in its place."""
    action = {
        "action": "c2pa.created",
        "softwareAgent": {"name": "An <b>agent</b>"},
        "digitalSourceType": IPTC + source,
    }
    builder = _builder([action], program)
    if remote:
        builder.set_no_embed()
        builder.set_remote_url(remote)
    return _signed(builder, data, form)


def edit(
    data: bytes, form: str, *ingredients: tuple[str, bytes], source: str | None = None
) -> bytes:
    """The image with a manifest that says it was made of others of the same format, and edited.

    Args:
        ingredients: relation and file, which may be signed; "parentOf" at most once.
        source: what is said of the editing.
    """
    relations = [relation for relation, _ in ingredients]
    actions: list[dict] = [{"action": "c2pa.created", "digitalSourceType": IPTC + "humanEdits"}]
    if "parentOf" in relations:
        parent = f"x{relations.index('parentOf')}"
        actions = [{"action": "c2pa.opened", "parameters": {"ingredientIds": [parent]}}]
    actions += [
        {"action": "c2pa.placed", "parameters": {"ingredientIds": [f"x{i}"]}}
        for i, relation in enumerate(relations)
        if relation == "componentOf"
    ]
    edited = {"action": "c2pa.edited"} | ({"digitalSourceType": IPTC + source} if source else {})
    builder = _builder([*actions, edited], "Test editor")
    for i, (relation, file) in enumerate(ingredients):
        said = {"title": "A file", "relationship": relation, "instance_id": f"x{i}"}
        builder.add_ingredient(said, f"image/{form.lower()}", io.BytesIO(file))
    return _signed(builder, data, form)


def _builder(actions: list[dict], program: str) -> c2pa.Builder:
    manifest = {
        "claim_generator_info": [{"name": program, "version": "1.0"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }
    quiet = {**SETTINGS, "builder": {"thumbnail": {"enabled": False}}}
    quiet["verify"] = {**SETTINGS["verify"], "verify_after_sign": False}
    return c2pa.Builder(manifest, context=c2pa.Context.from_dict(quiet))


def _signed(builder: c2pa.Builder, data: bytes, form: str) -> bytes:
    out = io.BytesIO()
    builder.sign(signer(), f"image/{form.lower()}", io.BytesIO(data), out)
    return out.getvalue()
