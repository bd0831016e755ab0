"""Signatures of run folders, and other runs of the same configuration."""

import base64
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from changed_runs import Invoke, Verified, change_json, hashed_again
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runner.analysis.verifying.signature import PublicKey, UnusableKey, signature_problem

ID = b"12345678"
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def public_key(identity: bytes = ID) -> str:
    raw = SIGNER.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    return base64.b64encode(b"Ed" + identity + raw).decode()


def sign(folder: Path, *, hashed: bool = True) -> None:
    """What ``minisign -Sm SHA256SUMS`` writes."""
    content = (folder / "SHA256SUMS").read_bytes()
    signature = SIGNER.sign(hashlib.blake2b(content).digest() if hashed else content)
    comment = "timestamp:1\tfile:SHA256SUMS"
    lines = [
        "untrusted comment: signature from minisign secret key",
        base64.b64encode((b"ED" if hashed else b"Ed") + ID + signature).decode(),
        f"trusted comment: {comment}",
        base64.b64encode(SIGNER.sign(signature + comment.encode())).decode(),
    ]
    (folder / "SHA256SUMS.minisig").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with just what is signed."""
    (tmp_path / "SHA256SUMS").write_text("hashes\n", encoding="utf-8")
    return tmp_path


def test_the_published_example_of_minisign_is_read() -> None:
    """The public key of its own documentation."""
    key = PublicKey.read("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3")
    assert key.id[::-1].hex().upper() == "E7620F1842B4E81F"


@pytest.mark.parametrize("hashed", [True, False])
def test_a_signature_fits_what_was_signed_and_nothing_else(small: Path, hashed: bool) -> None:
    key = PublicKey.read(public_key())
    assert signature_problem(small, key) == "is missing"
    sign(small, hashed=hashed)
    assert signature_problem(small, key) is None
    (small / "SHA256SUMS").write_text("others\n", encoding="utf-8")
    assert signature_problem(small, key) == "does not fit SHA256SUMS"
    other = PublicKey.read(public_key(b"87654321"))
    assert "another key (3837363534333231)" in (signature_problem(small, other) or "")


def test_a_changed_trusted_comment_and_damage_are_found(small: Path) -> None:
    sign(small)
    path = small / "SHA256SUMS.minisig"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("timestamp:1", "timestamp:2"), encoding="utf-8")
    key = PublicKey.read(public_key())
    assert signature_problem(small, key) == "does not fit SHA256SUMS"
    path.write_text("nothing", encoding="utf-8")
    assert "cannot be read" in (signature_problem(small, key) or "")


def test_what_is_no_key_is_refused() -> None:
    with pytest.raises(UnusableKey, match="no public key of minisign"):
        PublicKey.read("SHA256SUMS")


@pytest.mark.usefixtures("drawn_once")
def test_a_signed_folder_that_was_changed_with_all_hashes_is_found(
    invoke: Invoke, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "minisign.pub"
    file.write_text(f"untrusted comment: key\n{public_key()}\n", encoding="utf-8")
    sign(folder)
    assert invoke("verify", str(folder), "--key", str(file)).exit_code == 0
    unasked = json.loads(invoke("verify", str(folder), "--json").stdout)
    assert "--key" in unasked["remarks"][0]
    change_json(folder / "provenance.json", lambda p: p["cost"]["billed"].update(usd=1.0))
    hashed_again(folder)
    found = json.loads(invoke("verify", str(folder), "--key", public_key(), "--json").stdout)
    assert ("signature", "SHA256SUMS.minisig") in {
        (row["what"], row["file"]) for row in found["differences"]
    }


@pytest.mark.usefixtures("drawn_once")
def test_other_runs_of_the_configuration_are_counted(
    invoke: Invoke, original: Path, folder: Path, verified: Verified
) -> None:
    assert verified().document["other_runs"] == []
    alike, different = folder.parent / "alike", folder.parent / "different"
    for copy in (alike, different):
        copy.mkdir()
        for name in ("resolved.json", "provenance.json"):
            shutil.copy(folder / name, copy / name)
        change_json(copy / "provenance.json", lambda p, copy=copy: p.update(run=copy.name))
    change_json(alike / "resolved.json", lambda r: r.update(seed=99, name="again"))
    change_json(different / "resolved.json", lambda r: r.update(shots=99))
    assert verified().document["other_runs"] == ["alike"]
    text = invoke("verify", str(folder)).stdout
    assert "1 other run of this configuration: alike" in text
    # The store of the runs folder knows the original, whose folder lies elsewhere.
    change_json(folder / "provenance.json", lambda p: p.update(run="moved"))
    found = invoke("verify", str(folder), "--out", str(original.parent), "--json")
    assert json.loads(found.stdout)["other_runs"] == sorted(["alike", original.name])
