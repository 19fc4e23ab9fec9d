import type { DeviceInfo } from '../protocol/wire.ts'

/**
 * Returns how many layers to put on a GPU if the user chose no number: as many as fit (`most`,
 * which counts the output as one). Returns undefined if all of them fit (`layers` of the model and
 * the output) or there is no GPU. Rejects with the errors of `most` and `layers`.
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
