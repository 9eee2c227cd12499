"""`throughtime export`: a saved model as a file that other programs run."""

from pathlib import Path
from typing import Annotated

import typer

from throughtime.cli import options
from throughtime.cli.errors import Problem
from throughtime.cli.importing import importing


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
    with importing():
        from throughtime.cli import output
        from throughtime.exchange import WRITERS
        from throughtime.models.saving import load

    write = WRITERS.get(out.suffix.lower())
    if write is None:
        raise Problem(f"--out {out}: the name must end in {' or '.join(WRITERS)}")
    output.file(out, overwrite)
    made = load(model)
    try:
        write(made, out)
    except ModuleNotFoundError as missing:
        raise Problem(
            f"--out {out} needs the package {missing.name or 'onnx'}: pip install 'throughtime[onnx]'"
        ) from None
    if not quiet:
        output.say(f"written to {out}", err=True)
