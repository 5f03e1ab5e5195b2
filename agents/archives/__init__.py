"""Sessions that have ended, each as one file of lines in the storage of archives: kept, read back, and removed."""

from __future__ import annotations
