import { useMemo } from 'react'
import type { TrendDay } from '../../api/types'
import { Chart } from '../../chart/Chart'
import { day, many, total } from '../../show/words'

const LINES = ['critical', 'high', 'medium'] as const

export default function Trend({ trend }: { trend: readonly TrendDay[] }) {
  const times = useMemo(() => trend.map((one) => one.day), [trend])
  const series = useMemo(
    () => LINES.map((line) => ({ label: line, color: `--line-${line}`, values: trend.map(({ open }) => open[line]) })),
    [trend],
  )
  const first = trend[0]
  const last = trend.at(-1)
  if (!first || !last) return <p className="dim">The first day has not ended yet.</p>
  const verified = trend.reduce((sum, one) => sum + one.verified, 0)
  const alerts = trend.reduce((sum, one) => sum + one.alerts, 0)
  return (
    <>
      <Chart
        label={`Open findings by day from ${day(first.day)} to ${day(last.day)}: ${total(first.open)} at first, ${total(last.open)} now`}
        times={times}
        series={series}
        height={200}
      />
      <p className="dim">
        {many(verified, 'finding')} verified, {many(alerts, 'alert')} in this time.
      </p>
    </>
  )
}
