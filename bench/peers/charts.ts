import * as echarts from 'echarts';
import { shown } from './bounds.js';
import { digestOf, type Chart, type Theme } from './chart-data.js';

const WIDTH = 860;
const LINES_HEIGHT = 400;
const OWN = 'flowbroker';

const COLORS = {
  light: {
    text: '#1f2328',
    faint: '#59636e',
    grid: '#d1d9e0',
    own: ['#0969da', '#80b9f5'],
    others: ['#8c959f', '#c4ccd4'],
  },
  dark: {
    text: '#f0f6fc',
    faint: '#9198a1',
    grid: '#3d444d',
    own: ['#4493f8', '#1f5aa8'],
    others: ['#7d8590', '#4b535d'],
  },
} as const;
const LINES = {
  light: ['#9a6700', '#8250df', '#cf222e', '#1a7f37', '#6e7781'],
  dark: ['#d29922', '#ab7df8', '#f85149', '#3fb950', '#9198a1'],
} as const;

/** The chart as an SVG on no background, for one of GitHub's two. */
export function render(chart: Chart, theme: Theme): string {
  const height =
    chart.kind === 'lines' ? LINES_HEIGHT : 90 + chart.categories.length * 22 * chart.series.length;
  const drawn = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  drawn.setOption({
    animation: false,
    textStyle: { fontFamily: 'system-ui, sans-serif', color: COLORS[theme].text },
    title: {
      text: chart.title,
      left: 8,
      textStyle: { fontSize: 15, fontWeight: 600, color: COLORS[theme].text },
    },
    ...(chart.kind === 'bars' ? barOptions(chart, theme) : lineOptions(chart, theme)),
  });
  const svg = drawn.renderToSVGString();
  drawn.dispose();
  return svg.replace('>', `><desc>figures ${digestOf(chart)}</desc>`) + '\n';
}

function valueAxis({ logarithmic, series }: Chart, theme: Theme): echarts.EChartsOption['xAxis'] & object {
  const { faint, grid } = COLORS[theme];
  const values = series.flatMap((one) => one.values).filter((value) => value !== null);
  // Bars of a logarithmic axis begin at 1 by default, and go left from there.
  const from = 10 ** Math.floor(Math.log10(Math.min(...values)));
  return {
    ...(logarithmic ? { min: from, startValue: from } : {}),
    type: logarithmic ? 'log' : 'value',
    axisLabel: { color: faint, formatter: (value: number) => value.toLocaleString('en') },
    splitLine: { lineStyle: { color: grid } },
  } as const;
}

function categoryAxis({ categories, categoryName }: Chart, theme: Theme) {
  const { text, grid } = COLORS[theme];
  return {
    type: 'category' as const,
    data: [...categories],
    name: categoryName,
    nameLocation: 'middle' as const,
    nameGap: 30,
    nameTextStyle: { color: text },
    axisTick: { show: false },
    axisLine: { lineStyle: { color: grid } },
    axisLabel: { color: text },
  };
}

function barOptions(chart: Chart, theme: Theme): echarts.EChartsOption {
  const { own, others, text, faint } = COLORS[theme];
  return {
    grid: { left: 140, right: 90, top: 44, bottom: 30 },
    xAxis: valueAxis(chart, theme) as echarts.XAXisComponentOption,
    yAxis: { ...categoryAxis(chart, theme), inverse: true },
    series: chart.series.map(({ name, values }, at) => ({
      type: 'bar',
      name,
      barMaxWidth: 16,
      data: values.map((value, row) => ({
        value: value ?? 0,
        itemStyle: { color: (chart.categories[row] === OWN ? own : others)[at] ?? others[0] },
        label: {
          show: true,
          position: 'right',
          color: text,
          formatter: `${shown(value ?? undefined)} ${chart.unit}${chart.series.length > 1 ? ` ${name}` : ''}`,
        },
      })),
      ...(chart.ideal === undefined
        ? {}
        : {
            markLine: {
              symbol: 'none',
              silent: true,
              lineStyle: { color: faint, type: 'dashed' },
              label: { formatter: 'ideal', color: faint, position: 'end' },
              data: [{ xAxis: chart.ideal }],
            },
          }),
    })),
  };
}

function lineOptions(chart: Chart, theme: Theme): echarts.EChartsOption {
  const { own, text } = COLORS[theme];
  const colors = LINES[theme];
  let next = 0;
  return {
    grid: { left: 70, right: 110, top: 50, bottom: 50 },
    xAxis: categoryAxis(chart, theme),
    yAxis: valueAxis(chart, theme) as echarts.YAXisComponentOption,
    series: chart.series.map(({ name, values }) => {
      const color = name === OWN ? own[0] : (colors[next++ % colors.length] ?? text);
      return {
        type: 'line',
        name,
        data: [...values],
        color,
        lineStyle: { width: name === OWN ? 3 : 2 },
        symbolSize: 7,
        endLabel: { show: true, formatter: name, color },
        labelLayout: { moveOverlap: 'shiftY' },
      };
    }),
  };
}
