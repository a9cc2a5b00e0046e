"""A file system with the limits of some object-store mounts: no rename, no delete, no fsync.

Usage: bare_fuse.py BELOW MOUNT

All other operations go to the folder BELOW.
"""

import errno
import os
import sys

from fuse import FUSE, FuseOSError, Operations


class Bare(Operations):
    def __init__(self, below):
        self.below = below

    def _path(self, path):
        return os.path.join(self.below, path.lstrip("/"))

    def getattr(self, path, fh=None):
        try:
            found = os.lstat(self._path(path))
        except OSError as error:
            raise FuseOSError(error.errno) from error
        names = "st_atime st_ctime st_gid st_mode st_mtime st_nlink st_size st_uid".split()
        return {name: getattr(found, name) for name in names}

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self._path(path))]

    def mkdir(self, path, mode):
        try:
            os.mkdir(self._path(path), mode)
        except OSError as error:
            raise FuseOSError(error.errno) from error

    def create(self, path, mode, fi=None):
        return os.open(self._path(path), os.O_RDWR | os.O_CREAT, mode)

    def open(self, path, flags):
        # Where a write goes is the kernel's to say.
        return os.open(self._path(path), flags & ~os.O_APPEND)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        os.truncate(self._path(path), length)

    def release(self, path, fh):
        os.close(fh)

    def rename(self, old, new):
        raise FuseOSError(errno.ENOSYS)

    def unlink(self, path):
        raise FuseOSError(errno.ENOSYS)

    def fsync(self, path, datasync, fh):
        raise FuseOSError(errno.ENOSYS)

    fsyncdir = fsync
    link = symlink = rename


FUSE(Bare(sys.argv[1]), sys.argv[2], foreground=True, nothreads=True)
