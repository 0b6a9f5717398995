"""Packets of gdb's remote serial protocol: `$` content `#` checksum (gdb manual, appendix E)."""

from __future__ import annotations

_ESCAPED = b"#$}*"
_LONGEST = 1 << 20
INTERRUPT = b"\x03"


class PacketReader:
    """Cuts what gdb sends into packets.

    Attributes:
        acknowledges: Whether packets are acknowledged; gdb may ask that they are not.
    """

    def __init__(self) -> None:
        self.acknowledges = True
        self._received = bytearray()

    def feed(self, data: bytes) -> list[bytes | None]:
        """Takes bytes.

        Returns:
            Contents of complete packets, unescaped; INTERRUPT for Ctrl-C; None for a packet whose
            checksum is wrong.
        """
        self._received += data
        packets: list[bytes | None] = []
        while self._received:
            first = self._received[:1]
            if first == INTERRUPT:
                packets.append(INTERRUPT)
            if first != b"$":  # acknowledgements, and what is left of a damaged packet
                del self._received[:1]
                continue
            end = self._received.find(b"#")
            if end < 0 or len(self._received) < end + 3:
                if len(self._received) > _LONGEST:
                    self._received.clear()
                break
            content, checksum = bytes(self._received[1:end]), self._received[end + 1 : end + 3]
            del self._received[: end + 3]
            good = b"%02x" % (sum(content) & 0xFF) == bytes(checksum).lower()
            packets.append(_unescape(content) if good else None)
        return packets


def pack(content: bytes) -> bytes:
    """A packet with this content."""
    escaped = b"".join(
        b"}" + bytes([byte ^ 0x20]) if byte in _ESCAPED else bytes([byte]) for byte in content
    )
    return b"$" + escaped + b"#%02x" % (sum(escaped) & 0xFF)


def _unescape(content: bytes) -> bytes:
    parts = content.split(b"}")
    return parts[0] + b"".join(bytes([part[0] ^ 0x20]) + part[1:] for part in parts[1:] if part)
