// A recording as Falco and sysdig write it, of one file that is closed: blocks of .scap, as `crates/detect/tests/scap/writer.rs` has them.

const u16 = (value) => Buffer.from(new Uint16Array([value]).buffer)
const u32 = (value) => Buffer.from(new Uint32Array([value]).buffer)
const u64 = (value) => Buffer.from(new BigUint64Array([BigInt(value)]).buffer)

function block(kind, ...parts) {
  const body = Buffer.concat(parts)
  const padding = Buffer.alloc(-body.length & 3)
  const length = u32(body.length + padding.length + 12)
  return Buffer.concat([u32(kind), length, body, padding, length])
}

/** `close`, as it ended. */
const CLOSE = 5

/** @param time in milliseconds since 1970 */
export function recording(time) {
  const parameter = u64(0)
  const event = [u16(0), u64(BigInt(time) * 1_000_000n), u64(4242), u32(26 + 2 + 8), u16(CLOSE), u32(1), u16(8), parameter]
  return Buffer.concat([
    block(0x0a0d0d0a, u32(0x1a2b3c4d), u16(1), u16(2), Buffer.alloc(8, 0xff)),
    block(0x201, u32(2), u64(4 << 28), u64(32768), Buffer.from('node-1'.padEnd(128, '\0')), u64(0), Buffer.alloc(24)),
    block(0x216, ...event),
  ])
}
