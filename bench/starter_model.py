"""Trains the model of the starter taxonomy and writes it beside it.

    python bench/starter_model.py [--write]

To be run after any change to the starter taxonomy or to the features; without --write only the figures
are shown. Another machine may round differently and so find another id for an equally good model, which is
why the model is shipped and not trained where it runs.
"""

import argparse
import time
from pathlib import Path

from voc_taxonomy import models
from voc_taxonomy.domain.examples import taught_by
from voc_taxonomy.domain.training import train

TARGET = Path(__file__).parent.parent / "services/taxonomy/voc_taxonomy/starter/model.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    taxonomy = models.starter_taxonomy()
    began = time.process_time()
    model, data = train(taught_by(taxonomy), taxonomy, models.vectors())
    print(f"model {model.id}, {len(data) / 1e6:.1f} MB, {time.process_time() - began:.0f} CPU s")
    print(model.card.thresholds, model.card.temperature, model.card.report)
    if args.write:
        TARGET.write_bytes(data)


if __name__ == "__main__":
    main()
