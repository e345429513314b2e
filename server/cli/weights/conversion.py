"""TensorFlow Lite into ONNX, in a child process that alone sees the converter.

As a program: `python -m server.cli.weights.conversion PACKAGES SOURCE TARGET`.
"""

import sys
from pathlib import Path
from typing import Any

from server.cli.weights.fetching import pip_install, run
from server.cli.weights.sources import CONVERTER


def convert(data: bytes, folder: Path) -> bytes:
    """An ONNX model out of a TensorFlow Lite one. `folder`: for what is needed on the way.

    Raises `SetupFault`.
    """
    packages, source, target = folder / "converter", folder / "model.tflite", folder / "model.onnx"
    if not packages.exists():
        pip_install(CONVERTER, packages)
    source.write_bytes(data)
    command = [sys.executable, "-m", __spec__.name, str(packages), str(source), str(target)]
    run(command, "The converted model")
    return target.read_bytes()


def _convert_here(source: str, target: str) -> None:
    """Runs the converter and makes the model take one picture at a time."""
    import onnx
    import tflite2onnx

    tflite2onnx.convert(source, target)
    model = onnx.load(target)
    _one_picture(model.graph, onnx.numpy_helper)
    onnx.checker.check_model(model)
    onnx.save(model, target)


def _one_picture(graph: Any, numbers: Any) -> None:  # noqa: ANN401 - messages of a package without types
    """Sets the first dimension to 1: of inputs, outputs and of the shapes that a Reshape is told.

    The model was published with a pair of pictures as input, which would double every comparison's time.
    """
    before = graph.input[0].type.tensor_type.shape.dim[0].dim_value
    for end in (*graph.input, *graph.output):
        end.type.tensor_type.shape.dim[0].dim_value = 1
    told = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    for tensor in graph.initializer:
        shape = numbers.to_array(tensor)
        if tensor.name in told and shape[0] == before:
            tensor.CopyFrom(numbers.from_array(_with_first(shape, 1), tensor.name))
    del graph.value_info[:]  # shapes between nodes, of the pair


def _with_first(shape: Any, value: int) -> Any:  # noqa: ANN401 - an array of whole numbers
    changed = shape.copy()
    changed[0] = value
    return changed


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    _convert_here(*sys.argv[2:])
