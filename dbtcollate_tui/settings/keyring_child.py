"""The process of a keyring backend that may ask on the terminal, see `keyring_process`."""

import json
import os
import sys

from dbtcollate_tui.settings.keyrings import KeyringFailure, SystemKeyring


def main() -> None:
    """Read one call from standard input, write its result to standard output as a JSON list."""
    from pydantic import SecretStr

    verb, service, value = json.loads(sys.stdin.buffer.read())
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a backend prints is no answer
    held = ""
    keyring = SystemKeyring(here=True)
    try:
        if verb == "read":
            found = keyring.read(service)
            held = found.get_secret_value() if found is not None else ""
        elif verb == "write":
            keyring.write(service, SecretStr(value))
        elif verb == "delete":
            keyring.delete(service)
        else:
            raise ValueError(verb)
    except KeyringFailure as failure:
        health = failure.health
        answer = [health.state, health.backend, health.detail]
    else:
        answer = ["ok", held, ""]
    with answers:
        answers.write(json.dumps(answer).encode())


if __name__ == "__main__":
    main()
