"""The offline bundle: whoever changes a byte of it installs nothing; the whole of it works without a network."""

import hashlib
import io
import json
import shutil
import stat
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from server.cli import bundle, bundle_install
from server.cli.bundle import Content, signing_key, write_bundle
from server.cli.bundle_install import BundleRefused, install, main, read_key, unpack, verifies
from server.errors import Refused

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
# RFC 8032, section 7.1: public key, message, signature
RFC = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
]
_ORDER = 2**252 + 27742317777372353535851937790883648493


def wheel(folder: Path, name: str = "examhall_part") -> Path:
    """A real wheel of one module that says hello."""
    file = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "print('hello from the bundle')\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    with ZipFile(file, "w") as out:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            out.writestr(path, text)
    return file


@pytest.fixture
def content(tmp_path: Path) -> Content:
    made = wheel(tmp_path)
    return Content("1.2.3", (made,), {"kiosk": [made.name]}, "pip-none.whl")


@pytest.fixture
def archive(tmp_path: Path, content: Content) -> Path:
    file = tmp_path / "bundle.tar"
    write_bundle(file, content, KEY)
    return file


def refusal(data: bytes, folder: Path, key: bytes = PUBLIC) -> str:
    folder.mkdir()
    try:
        unpack(io.BytesIO(data), key, folder)
    except BundleRefused as refused:
        return refused.code
    finally:
        shutil.rmtree(folder)
    return ""


@pytest.mark.parametrize(("key", "message", "signature"), RFC)
def test_signatures_of_the_standard_hold(key: str, message: str, signature: str) -> None:
    parts = [bytes.fromhex(text) for text in (key, message, signature)]
    assert verifies(*parts)
    assert not verifies(parts[0], parts[1] + b"x", parts[2])


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 511), st.data())
def test_signatures_hold_as_the_library_says(
    secret: bytes, message: bytes, bit: int, data: st.DataObject
) -> None:
    private = Ed25519PrivateKey.from_private_bytes(secret)
    key, signature = private.public_key().public_bytes_raw(), private.sign(message)
    assert verifies(key, message, signature)
    changed = bytearray(signature)
    changed[bit // 8] ^= 1 << bit % 8
    assert not verifies(key, message, bytes(changed))


def test_a_signature_has_one_spelling() -> None:
    signature = KEY.sign(b"m")
    larger = int.from_bytes(signature[32:], "little") + _ORDER
    assert not verifies(PUBLIC, b"m", signature[:32] + larger.to_bytes(32, "little"))
    assert not verifies(PUBLIC, b"m", signature[:-1])
    assert not verifies(b"\xff" * 32, b"m", signature)  # y beyond the field


def test_an_archive_is_a_tar_and_its_manifest_names_every_file(archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive) as found:
        names = found.getnames()
        manifest = json.load(found.extractfile("MANIFEST.json"))
        for entry in manifest["files"]:
            data = found.extractfile(entry["name"]).read()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["size"], entry["sha256"])
    assert names == ["MANIFEST.json", "MANIFEST.sig", *(entry["name"] for entry in manifest["files"])]
    assert {"install.py", "wheels/examhall_part-1.0-py3-none-any.whl"} == set(names[2:])
    folder = tmp_path / "out"
    folder.mkdir()
    unpack(archive.open("rb"), PUBLIC, folder)
    assert (folder / "install.py").read_bytes() == Path(bundle_install.__file__).read_bytes()


def test_the_same_content_gives_the_same_archive(tmp_path: Path, content: Content, archive: Path) -> None:
    again = tmp_path / "again.tar"
    write_bundle(again, content, KEY)
    assert again.read_bytes() == archive.read_bytes()


@pytest.mark.dear
def test_one_changed_byte_anywhere_is_refused(archive: Path, tmp_path: Path) -> None:
    data = archive.read_bytes()
    # every block's first and last byte, and places between that no step of blocks would meet
    places = {
        0,
        len(data) - 1,
        *range(0, len(data), 512),
        *range(511, len(data), 512),
        *range(0, len(data), 97),
    }
    for place in sorted(places):
        broken = bytearray(data)
        broken[place] ^= 1
        assert refusal(bytes(broken), tmp_path / "out") in ("altered", "signature"), place


def test_a_wheel_with_a_long_name_keeps_it(tmp_path: Path, content: Content) -> None:
    long = wheel(tmp_path, "a_part_with_the_many_tags_of_a_compiled_wheel_" * 3)
    file, out = tmp_path / "long.tar", tmp_path / "out"
    write_bundle(file, Content("1", (*content.wheels, long), {}, "pip"), KEY)
    out.mkdir()
    unpack(file.open("rb"), PUBLIC, out)
    assert (out / "wheels" / long.name).read_bytes() == long.read_bytes()
    with tarfile.open(file) as found:
        assert found.getmember(f"wheels/{hashlib.sha256(long.read_bytes()).hexdigest()}.whl")


def test_more_less_or_other_content_is_refused(archive: Path, tmp_path: Path) -> None:
    data, out = archive.read_bytes(), tmp_path / "out"
    for broken in (
        data + b"\0",
        data[:-1],
        data[:-1024],
        data[: len(data) // 2],
        b"",
        data[512:],
        bytes(4096),
    ):
        assert refusal(broken, out) in ("altered", "signature")
    assert refusal(data, out, bytes(32)) == "signature"
    assert refusal(data, out, Ed25519PrivateKey.generate().public_key().public_bytes_raw()) == "signature"
    assert refusal(data, out) == ""


@pytest.mark.parametrize("name", ["../out", "/etc/x", "wheels/../x", "wheels/a/b", "", ".hidden", "a" * 300])
def test_a_signed_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    entry = {"name": name, "size": 0, "sha256": hashlib.sha256(b"").hexdigest()}
    signed = json.dumps({"format": bundle_install.FORMAT, "files": [entry]}).encode()
    last = bundle_install.member(entry) or "x"
    parts = [("MANIFEST.json", signed), ("MANIFEST.sig", KEY.sign(signed)), (last, b"")]
    data = b"".join(
        bundle_install.header(part, len(body)) + body + bundle_install.padding(len(body))
        for part, body in parts
    )
    assert refusal(data + bundle_install.END, tmp_path / "out") == "altered"


def test_a_broken_archive_leaves_nothing_behind(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_install, "_fill", lambda *_: pytest.fail("something is installed"))
    data = bytearray(archive.read_bytes())
    data[-1500] ^= 1
    broken = tmp_path / "broken.tar"
    broken.write_bytes(data)
    before = set(tmp_path.iterdir())
    assert main(["--verify-key", PUBLIC.hex(), str(broken), str(tmp_path / "new")]) == 1
    assert set(tmp_path.iterdir()) == before
    assert "altered" in capsys.readouterr().err


def test_what_does_not_fit_is_refused_by_name(archive: Path, tmp_path: Path, content: Content) -> None:
    for target, part, code in ((tmp_path, "kiosk", "there"), (tmp_path / "new", "moon", "parts")):
        with pytest.raises(BundleRefused) as caught:
            install(archive, PUBLIC, target, part)
        assert caught.value.code == code
    other = tmp_path / "other.tar"
    manifest = write_bundle(other, content, KEY)
    signed = json.dumps(manifest | {"machine": {"python": "2.7", "platform": "win32"}}).encode()
    data = other.read_bytes()
    first = (512 + len(json.dumps(manifest, indent=1, sort_keys=True)) + 511) // 512 * 512
    head = b"".join(
        bundle_install.header(name, len(body)) + body + bundle_install.padding(len(body))
        for name, body in (("MANIFEST.json", signed), ("MANIFEST.sig", KEY.sign(signed)))
    )
    other.write_bytes(head + data[first + 1024 :])
    with pytest.raises(BundleRefused) as caught:
        install(other, PUBLIC, tmp_path / "new", "kiosk")
    assert caught.value.code == "machine"
    assert not (tmp_path / "new").exists()


def test_a_failed_installation_is_undone(archive: Path, tmp_path: Path) -> None:
    # the wheel of pip that the manifest names is not there
    with pytest.raises(BundleRefused) as caught:
        install(archive, PUBLIC, tmp_path / "new", "kiosk")
    assert caught.value.code == "pip"
    assert not (tmp_path / "new").exists()


def test_keys_are_digits_or_a_file_with_them(tmp_path: Path) -> None:
    file = tmp_path / "bundle.pub"
    file.write_text(PUBLIC.hex() + "\n")
    assert read_key(str(file)) == read_key(PUBLIC.hex().upper()) == PUBLIC
    for wrong in ("", "abc", PUBLIC.hex() + "00", str(tmp_path)):
        with pytest.raises(BundleRefused, match="key"):
            read_key(wrong)


def test_the_private_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "key.pem"
    first = signing_key(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert signing_key(file).private_bytes_raw() == first.private_bytes_raw()
    file.chmod(0o644)
    with pytest.raises(Refused, match="bundle_key_not_private"):
        signing_key(file)
    with pytest.raises(Refused, match="bundle_key_in_project"):
        signing_key(bundle.ROOT / "server" / "key.pem")
    file.write_text("no key")
    file.chmod(0o600)
    with pytest.raises(Refused, match="bundle_key_broken"):
        signing_key(file)


def test_the_installer_needs_nothing_but_python(archive: Path, tmp_path: Path) -> None:
    alone = tmp_path / "install.py"
    shutil.copy(bundle_install.__file__, alone)
    command = [sys.executable, "-I", "-S", str(alone), "--verify-key", bytes(32).hex()]
    done = subprocess.run(
        [*command, str(archive), str(tmp_path / "new")], capture_output=True, text=True, cwd=tmp_path
    )
    assert (done.returncode, "signature" in done.stderr) == (1, True), done.stderr


@pytest.mark.long
def test_a_machine_without_a_network_installs_and_runs(tmp_path: Path) -> None:
    """Builds the real bundle (this needs the network), installs both parts in an empty network namespace."""
    key = signing_key(tmp_path / "key.pem")
    file, folder = tmp_path / "bundle.tar", tmp_path / "wheels"
    folder.mkdir()
    write_bundle(file, bundle.gather(folder), key)
    shutil.rmtree(folder)
    shutil.copy(bundle_install.__file__, tmp_path / "install.py")
    public = key.public_key().public_bytes_raw().hex()
    runs = {
        "kiosk": "from client import agent; from client.__main__ import main; import cv2, segno; "
        "from proctoring.models import cards; assert cards(); main(['--help'])",
        "server": "from server.app import build_app; import typst, highspy; from server.cli import main; main(['version'])",
    }
    for part, code in runs.items():
        target = tmp_path / part
        offline = ["unshare", "--net", "--map-root-user"]
        installer = [
            sys.executable,
            "-I",
            str(tmp_path / "install.py"),
            "--verify-key",
            public,
            "--part",
            part,
        ]
        subprocess.run([*offline, *installer, str(file), str(target)], check=True, cwd=tmp_path)
        ran = subprocess.run(
            [*offline, str(target / "bin/python"), "-I", "-c", code],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout
