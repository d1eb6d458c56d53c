"""`anemoi-inference run CONFIG`, which stops after every step; its own environment runs it."""

import importlib
import itertools
import sys

from bench.step_turns import stop


def main() -> None:
    """Run as its command does, with an output that stops."""
    configuration = importlib.import_module("anemoi.inference.config.run").RunConfiguration.load(sys.argv[1], [])
    output, count = importlib.import_module("anemoi.inference.outputs.none").NoneOutput, itertools.count()

    def written(self: object, state: object) -> None:
        """Stop after each step; the first state that comes is the initial one."""
        if step := next(count):
            stop(step)

    output.write_step = written
    importlib.import_module("anemoi.inference.runners").create_runner(configuration).execute()


if __name__ == "__main__":
    main()
