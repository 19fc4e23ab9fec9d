import i18next from 'i18next'
import { useSyncExternalStore } from 'react'
import { en } from './en.ts'
import { zh } from './zh.ts'

type Base<K> = K extends `${infer B}_${'zero' | 'one' | 'other'}` ? B : K
/** A message key; for plurals, the key without its suffix. */
export type MessageKey = Base<keyof typeof en>
export type Vars = Record<string, string | number>

export const LANGUAGES = [
  { code: 'en', name: 'English' },
  { code: 'zh', name: '中文' },
] as const

/** A right-to-left pseudo-locale for tests: the English text between right-to-left marks. */
export const PSEUDO_RTL = 'ar-XB'

const pseudo = Object.fromEntries(
  Object.entries(en).map(([key, text]) => [key, `\u200F[${text}]\u200F`]),
)

await i18next.init({
  lng: 'en',
  fallbackLng: 'en',
  keySeparator: false,
  nsSeparator: false,
  interpolation: { escapeValue: false }, // React escapes
  resources: {
    en: { translation: en },
    zh: { translation: zh },
    [PSEUDO_RTL]: { translation: pseudo },
  },
})

export const t = (key: MessageKey, vars?: Vars): string => i18next.t(key, vars)

/** Sets the language. '' is the system's language, or English if there is no catalogue for it. */
export function setLanguage(language: string): void {
  const wanted = language === '' ? navigator.language.slice(0, 2) : language
  const code =
    wanted === PSEUDO_RTL || LANGUAGES.some((known) => known.code === wanted) ? wanted : 'en'
  void i18next.changeLanguage(code)
  document.documentElement.lang = code === 'zh' ? 'zh-CN' : code
  document.documentElement.dir = code === PSEUDO_RTL ? 'rtl' : 'ltr'
}

const subscribe = (changed: () => void): (() => void) => {
  i18next.on('languageChanged', changed)
  return () => i18next.off('languageChanged', changed)
}

/** Returns the current language and re-renders the caller when it changes. */
export const useLanguage = (): string => useSyncExternalStore(subscribe, () => i18next.language)

/** Returns `t` and re-renders the caller when the language changes. */
export function useT(): typeof t {
  useLanguage()
  return t
}
