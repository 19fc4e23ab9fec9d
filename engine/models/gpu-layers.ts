import type { DeviceInfo } from '../protocol/wire.ts'

/**
 * Layers to put on a GPU where nobody says: as many as fit there (`most`, the output counted as one of them). undefined: all of
 * them (`layers` of the model and the output), or there is no GPU. Errors: those of `most` and `layers`.
 */
export async function layersToPut(
  devices: readonly DeviceInfo[],
  most: () => Promise<number>,
  layers: () => Promise<number>,
): Promise<number | undefined> {
  if (!devices.some(({ type }) => type === 'gpu' || type === 'igpu')) return undefined
  const [fits, all] = await Promise.all([most(), layers()])
  return fits > all ? undefined : fits
}
