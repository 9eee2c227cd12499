"""`throughtime export`: a saved model as a file that other programs run."""

from pathlib import Path
from typing import Annotated

import typer

from throughtime.cli import options, output
from throughtime.cli.errors import Problem
from throughtime.models.saving import load

KINDS = (".onnx", ".c")


def export(
    model: options.ModelPath,
    out: Annotated[Path, typer.Option(metavar="FILE", help="model.onnx, or model.c.")],
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Write one time step of the model as an ONNX graph or a C file; the scaling is inside.

    ONNX: inputs u and history, outputs y and the next history; it needs the extra onnx. C: a struct for the state and a
    function for a step, which need nothing but math.h. Both give the numbers that `simulate` gives.

    Example: throughtime export tanks/model.safetensors --out tanks.c
    """
    if out.suffix.lower() not in KINDS:
        raise Problem(f"--out {out}: the name must end in {' or '.join(KINDS)}")
    output.file(out, overwrite)
    made = load(model)
    from throughtime.exchange import export_c, export_onnx  # takes longer than all the rest, and may not be there

    try:
        (export_onnx if out.suffix.lower() == ".onnx" else export_c)(made, out)
    except ModuleNotFoundError as missing:
        raise Problem(
            f"--out {out} needs the package {missing.name or 'onnx'}: pip install 'throughtime[onnx]'"
        ) from None
    if not quiet:
        output.say(f"written to {out}", err=True)
