// The risk of a workload: factors that multiply, each with what shows it.
import type { Factor } from '../../api/types'
import { Dim } from '../../show/parts'
import { title } from '../../show/words'

const word = (risk: number) => (risk >= 20 ? 'critical' : risk >= 8 ? 'high' : risk >= 3 ? 'medium' : 'low')

const times = (value: number) => (value >= 100 ? Math.round(value) : Number(value.toFixed(1)))

export function RiskValue({ risk }: { risk: number }) {
  return (
    <span className={`sev sev-${word(risk)}`} title={`Risk: the product of its factors is ${risk}`}>
      × {times(risk)}
    </span>
  )
}

export function Factors({ factors, risk }: { factors: readonly Factor[]; risk: number }) {
  if (factors.length === 0) return <Dim>Nothing that is known makes it riskier than any other.</Dim>
  const largest = Math.max(...factors.map((factor) => factor.times))
  return (
    <ul className="risk">
      {factors.map((factor) => (
        <li key={factor.name}>
          <span className="risk-times">× {times(factor.times)}</span>
          <div>
            <b>{title(factor.name)}</b>
            <span className="risk-bar" style={{ width: `${(Math.log(factor.times + 1) / Math.log(largest + 1)) * 100}%` }} aria-hidden />
            <ul className="why">
              {factor.evidence.map((one) => (
                <li key={one} className="break">
                  {one}
                </li>
              ))}
            </ul>
          </div>
        </li>
      ))}
      <li className="risk-sum">
        <span className="risk-times">× {times(risk)}</span>
        <b>together</b>
      </li>
    </ul>
  )
}
