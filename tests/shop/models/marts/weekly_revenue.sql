{{ config(alias='WeeklyRevenue') }}
select
    cast(date_trunc('week', ordered_at) as date) as "weekStart",
    category,
    sum(line_amount) as "grossRevenue"
from {{ ref('fct_order_items') }}
group by all
