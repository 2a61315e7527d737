// ATT&CK as a matrix: what rules look for, and how often it was seen.
import { useCallback } from 'react'
import { Link, useSearchParams } from 'react-router'
import { useGet } from '../api/query'
import type { Attack, Technique } from '../api/types'
import { Take } from '../list/Take'
import { Body, Header } from '../shell/Header'
import { SidePanel } from '../shell/SidePanel'
import { Panel } from '../show/parts'
import { Answer, Nothing } from '../show/states'
import { compact, many, title } from '../show/words'
import { techniqueLink, techniqueName } from './attack/names'

export function Component() {
  const answer = useGet<Attack>(['alerts'], '/attack')
  return (
    <>
      <Header
        title="ATT&CK"
        about="Which techniques the rules look for, and how often they were seen. A technique that no rule looks for is not here: it is not seen."
        actions={<Take path="/attack" params={{}} name="attack" />}
      />
      <Body>
        <Answer of={answer} lines={12}>
          {(attack) => <Matrix attack={attack} />}
        </Answer>
      </Body>
    </>
  )
}

function Matrix({ attack }: { attack: Attack }) {
  const [query, setQuery] = useSearchParams()
  const open = query.get('open')
  const close = useCallback(() => setQuery({}, { replace: true }), [setQuery])
  if (attack.tactics.every(({ techniques }) => techniques.length === 0)) {
    return <Nothing title="No rule names a technique">Rules are known when an agent is connected.</Nothing>
  }
  const most = Math.max(1, ...attack.tactics.flatMap(({ techniques }) => techniques.map(({ alerts }) => alerts)))
  const found = attack.tactics.flatMap(({ techniques }) => techniques).find(({ id }) => id === open)
  return (
    <>
      <div className="list-line">
        <span className="heat-legend" aria-hidden>
          <span className="heat heat-0">0</span>
          {[1, 2, 3, 4].map((level) => (
            <span key={level} className={`heat heat-${level}`} />
          ))}
          many alerts
        </span>
        {attack.others > 0 && (
          <span className="dim">
            <Link to="/alerts">{many(attack.others, 'alert')}</Link> name no technique.
          </span>
        )}
      </div>
      <div className="matrix" tabIndex={0} role="group" aria-label="ATT&CK matrix">
        {attack.tactics
          .filter(({ techniques }) => techniques.length > 0)
          .map((tactic) => (
            <section key={tactic.name} className="tactic" aria-label={title(tactic.name)}>
              <h2>
                {title(tactic.name)}
                <span className="dim"> {tactic.techniques.length}</span>
              </h2>
              <ul>
                {tactic.techniques.map((technique) => (
                  <li key={technique.id}>
                    <button
                      type="button"
                      className={`technique heat-${heat(technique.alerts, most)}`}
                      aria-pressed={technique.id === open}
                      onClick={() => setQuery({ open: technique.id }, { replace: true })}
                    >
                      <span className="technique-id">
                        {technique.id}
                        <b>{technique.alerts > 0 ? compact(technique.alerts) : ''}</b>
                      </span>
                      <span>{techniqueName(technique.id) || technique.id}</span>
                      <span className="pf-v6-screen-reader">{many(technique.alerts, 'alert')}</span>
                    </button>
                  </li>
                ))}
              </ul>
            </section>
          ))}
      </div>
      {open && (
        <SidePanel title={`${open} ${techniqueName(open)}`} close={close}>
          <TechniqueView id={open} technique={found} />
        </SidePanel>
      )}
    </>
  )
}

/** From 0 to 4, by orders of magnitude. */
function heat(alerts: number, most: number): number {
  if (alerts === 0) return 0
  return Math.max(1, Math.ceil((Math.log(alerts + 1) / Math.log(most + 1)) * 4))
}

function TechniqueView({ id, technique }: { id: string; technique: Technique | undefined }) {
  return (
    <div className="stack">
      <p>
        <a href={techniqueLink(id)} target="_blank" rel="noreferrer noopener">
          What it is, at MITRE
        </a>
      </p>
      <Panel title={technique ? `${many(technique.rules.length, 'rule')} look for it` : 'No rule looks for it'}>
        <ul className="plain-list">
          {technique?.rules.map((rule) => (
            <li key={rule}>
              <Link to={`/rules?q=${encodeURIComponent(rule)}`}>{rule}</Link> ·{' '}
              <Link to={`/alerts?rule=${encodeURIComponent(rule)}`}>alerts</Link>
            </li>
          ))}
        </ul>
      </Panel>
    </div>
  )
}
