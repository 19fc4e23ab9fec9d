import { Component, type ReactNode } from 'react'
import { t } from '../i18n/index.ts'

/** Replaces a view that fails to render by a message, so that the rest of the window stays usable. */
export class Crash extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state = { error: null as Error | null }

  static getDerivedStateFromError(error: Error) {
    return { error }
  }

  override render() {
    const { error } = this.state
    if (error === null) return this.props.children
    return (
      <div className="empty" role="alert">
        <p>{t('crash.title')}</p>
        <p className="mono small" dir="auto">
          {error.message}
        </p>
        <button type="button" className="btn" onClick={() => this.setState({ error: null })}>
          {t('crash.retry')}
        </button>
      </div>
    )
  }
}
