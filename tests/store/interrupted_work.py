"""Work against a store that a test kills: `python -m tests.store.interrupted_work FOLDER`.

For every line on its input it forks a child that pushes, registers and promotes without end, and tells the child's
number; once the child is dead it says so.
"""

import logging
import os
import random
import sys
from pathlib import Path

from csad.common.errors import StoreError
from csad.images.layout import list_images
from csad.store import objects
from csad.store.champion import promote, read_champion, rollback
from csad.store.push import push_dataset
from csad.store.registry import ModelLabels, list_models, register_model
from csad.store.settings import StoreSettings

LINE = "bottle"


def work(folder: Path, seed: int) -> None:
    """Do one thing after the other until somebody ends it."""
    choice = random.Random(seed)
    objects.PART = 5 * 2**20
    store = objects.ObjectStore.connect(StoreSettings.from_environment())
    while True:
        task = choice.choice(("push", "push", "register", "register", "promote", "rollback"))
        if task == "push":
            push_dataset(store, choice.choice(sorted((folder / "data").iterdir())), LINE)
        elif task == "register":
            model = choice.choice(sorted((folder / "models").iterdir()))
            labels = ModelLabels(LINE, "d" * 64, "0123abc", "c" * 64, choice.randrange(10), {"logical": 91.5})
            register_model(store, model, labels, {"bento.tar.gz": model / "model.json"})
        else:
            move_champion(store, task, choice)


def move_champion(store: objects.ObjectStore, task: str, choice: random.Random) -> None:
    champion = read_champion(store, LINE)
    if task == "promote":
        models = list_models(store, LINE)
        if models:
            promote(store, LINE, choice.choice(models).version, expected=champion)
    elif champion is not None and champion.previous:
        try:
            rollback(store, LINE)
        except StoreError as error:
            if "no version to go back to" not in str(error):
                raise


def main(folder: Path) -> None:
    logging.disable()
    list_images(next((folder / "data").iterdir()), 0.2)
    for request in sys.stdin:
        child = os.fork()
        if not child:
            try:
                work(folder, int(request))
            except BaseException as error:
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
