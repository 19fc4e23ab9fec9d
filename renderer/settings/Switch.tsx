import { setPref, usePrefs } from '../store/prefs.ts'
import { Line } from './Line.tsx'

/** A preference that is on or off. `on`: what it does if it is. */
export function Switch({
  pref,
  label,
  hint,
  on,
}: {
  pref: 'followLive' | 'titles' | 'runPrograms' | 'api'
  label: string
  hint: string
  on: string
}) {
  const checked = usePrefs((s) => s[pref])
  return (
    <Line label={label} hint={hint}>
      <label className="check">
        <input
          type="checkbox"
          checked={checked}
          onChange={(event) => setPref(pref, event.target.checked)}
        />
        {on}
      </label>
    </Line>
  )
}
