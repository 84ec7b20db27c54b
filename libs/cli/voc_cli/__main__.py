"""`python -m voc_cli` is the `voc` command."""

from voc_cli.main import main

if __name__ == "__main__":
    main()
