// A line or bar chart in time. uPlot draws on a canvas, which no screen reader can see: `label` says in words what it shows.
import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import { useDark } from '../shell/theme'
import { compact } from '../show/words'

export interface Series {
  label: string
  /** The name of a style property: `--sev-critical`. */
  color: string
  values: readonly number[]
}

interface Props {
  label: string
  /** In milliseconds. */
  times: readonly number[]
  series: readonly Series[]
  height: number
  bars?: boolean
  /** A stretch of time was chosen. */
  onSelect?: (from: number, to: number) => void
}

/** `21:40`, or the day where days are counted. */
function tickText(seconds: number, step: number): string {
  const text = new Date(seconds * 1000).toISOString()
  return step >= 86_400 || text.slice(11, 16) === '00:00' ? text.slice(5, 10) : text.slice(11, 16)
}

export function Chart({ label, times, series, height, bars, onSelect }: Props) {
  const place = useRef<HTMLDivElement>(null)
  const select = useRef(onSelect)
  select.current = onSelect
  const dark = useDark()
  useEffect(() => {
    const element = place.current
    if (!element) return
    const style = getComputedStyle(element)
    const color = (name: string) => style.getPropertyValue(name).trim()
    const axis: uPlot.Axis = {
      stroke: color('--pf-t--global--text--color--subtle'),
      grid: { stroke: color('--chart-grid'), width: 1 },
      ticks: { show: false },
      font: `12px ${style.fontFamily}`,
    }
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
        legend: { show: series.length > 1 },
        cursor: { drag: { x: Boolean(select.current), y: false, setScale: false }, y: false },
        scales: { y: { range: (_, __, max) => [0, Math.max(max * 1.1, 4)] } },
        axes: [
          { ...axis, size: 28, space: 64, values: (_, ticks, __, ___, step) => ticks.map((tick) => tickText(tick, step)) },
          { ...axis, size: 46, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? compact(tick) : '')) },
        ],
        series: [
          {
            label: 'Time',
            value: (_, seconds) => (seconds == null ? '' : new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ')),
          },
          ...series.map((one): uPlot.Series => {
            const stroke = color(one.color)
            return bars && uPlot.paths.bars
              ? { label: one.label, stroke, fill: stroke, paths: uPlot.paths.bars({ size: [0.8, 40], align: 1 }), points: { show: false } }
              : { label: one.label, stroke, width: 2, points: { show: one.values.length < 3, size: 6, fill: stroke } }
          }),
        ],
        hooks: {
          setSelect: [
            (self) => {
              if (self.select.width < 4) return
              const at = (x: number) => Math.round(self.posToVal(x, 'x') * 1000)
              select.current?.(at(self.select.left), at(self.select.left + self.select.width))
            },
          ],
        },
      },
      [times.map((time) => time / 1000), ...series.map(({ values }) => [...values])] as uPlot.AlignedData,
      element,
    )
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      plot.destroy()
    }
  }, [times, series, height, bars, dark])
  return <div ref={place} className="chart" role="img" aria-label={label} />
}
