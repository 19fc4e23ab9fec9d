import { Component, type ReactNode } from 'react'
import { t } from '../i18n/index.ts'

/** A view that fails to draw says so and leaves the rest of the window usable. */
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
