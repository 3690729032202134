"""`python -m pxeconform`."""

from pxeconform.cli import main

if __name__ == "__main__":
    main()
