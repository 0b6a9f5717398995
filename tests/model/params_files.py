"""Writes MXNet NDArray lists, good and bad."""

import struct

TYPES = {
    "float32": 0,
    "float64": 1,
    "float16": 2,
    "uint8": 3,
    "int32": 4,
    "int8": 5,
    "int64": 6,
}
MAGICS = {"V1": 0xF993FAC8, "V2": 0xF993FAC9, "V3": 0xF993FACA}


def encode_array(array, version="V2", kind=None, storage=0):
    rank, shape = array.ndim, array.shape
    if version == "V0":
        head = struct.pack(f"<I{rank}I", rank, *shape)
    else:
        head = struct.pack("<I", MAGICS[version])
        head += struct.pack("<i", storage) if version != "V1" else b""
        head += struct.pack(f"<i{rank}q", rank, *shape)
    kind = TYPES[array.dtype.name] if kind is None else kind
    return head + struct.pack("<iii", 1, 0, kind) + array.tobytes()


def encode_list(arrays, names, magic=0x112, count=None):
    encoded = struct.pack("<QQQ", magic, 0, len(arrays) if count is None else count)
    encoded += b"".join(arrays) + struct.pack("<Q", len(names))
    return encoded + b"".join(struct.pack("<Q", len(name)) + name for name in names)
