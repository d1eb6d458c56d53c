"""Whether a backend of `torch.compile` works on this machine."""

__all__ = ["why_not_compiled"]

import warnings

import torch


def why_not_compiled(compiler: str, device: str) -> str | None:
    """Compile a sum, which takes all that the compiler needs, such as a C++ compiler for a CPU.

    Args:
        compiler: such as inductor or aot-eager.
        device: where the sum is made, as torch names it.

    Returns:
        What the compiler says, in a line; None if it works.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch imports what it advises against itself
            double = torch.compile(lambda x: x + x, backend=compiler.replace("-", "_"), dynamic=False)
            double(torch.ones(2, device=device))
    except Exception as error:  # noqa: BLE001  # compilers fail in many ways
        return next((line for line in f"{error}".splitlines() if line.strip()), type(error).__name__)
    return None
